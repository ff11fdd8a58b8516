// SPDX-License-Identifier: MIT
#pragma once
// Takes secrets out of a stream of bytes, wherever its pieces end: each value, also percent-encoded or in base64,
// becomes ***. What may be the beginning of one is held back until more has come. Pure; one for each stream.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jiro {

class SecretMask {
  public:
    static constexpr std::size_t kMinLength = 6;  // shorter values would tear up ordinary words

    // Values that are shorter than kMinLength are left out: whoever reads them says so.
    explicit SecretMask(const std::vector<std::string>& values);

    // What may be shown now.
    [[nodiscard]] std::string feed(std::string_view bytes);
    // The rest, at the end. A value that was cut there is masked, if kMinLength of it came.
    [[nodiscard]] std::string finish();

  private:
    enum class More { may_come, none };
    struct Forms;

    [[nodiscard]] std::string scan(std::string text, More more);

    std::shared_ptr<const Forms> forms_;
    std::string held_;
};

}  // namespace jiro
