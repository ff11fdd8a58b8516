// SPDX-License-Identifier: MIT
#pragma once
// Takes secrets out of a stream of bytes, wherever its pieces end: each value becomes ***, however it is spelt
// (base/secret_spellings.hpp). What may be the beginning of one is held back until more has come: six times its length
// at most. Pure; one for each stream.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jiro {

class SecretSpellings;

class SecretMask {
  public:
    static constexpr std::size_t kMinLength = 6;  // shorter values would tear up ordinary words

    // Values that are shorter than kMinLength are left out: whoever reads them says so.
    explicit SecretMask(const std::vector<std::string>& values);

    // What may be shown now.
    [[nodiscard]] std::string feed(std::string_view bytes);
    // Bytes are missing here, and a value may have begun among them: what is held back goes, and of what follows
    // nothing is shown until none of it can belong to such a value.
    void skip();

    // The rest, at the end. A value that was cut there is masked, if kMinLength of it came.
    [[nodiscard]] std::string finish();

  private:
    [[nodiscard]] std::string shown_of(std::string_view bytes);

    std::shared_ptr<const SecretSpellings> spellings_;
    std::string held_;
    std::size_t covered_ = 0;  // so much of it is masked already
    std::size_t unsafe_ = 0;   // so many bytes that come may belong to a value which was cut by skip()
};

}  // namespace jiro
