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

    // Bytes are missing here, and a value may have begun among them: what is held back goes, and of what follows
    // nothing is shown until none of it can belong to such a value.
    void skip();

  private:
    enum class More { may_come, none };
    struct Forms;

    [[nodiscard]] std::string scan(std::string text, More more);
    [[nodiscard]] std::string_view after_cut_value(std::string_view bytes);

    std::shared_ptr<const Forms> forms_;
    std::string held_;
    std::size_t unsafe_ = 0;  // so many bytes that come may belong to a value which was cut by skip()
};

}  // namespace jiro
