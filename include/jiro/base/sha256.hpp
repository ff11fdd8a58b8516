// SPDX-License-Identifier: MIT
#pragma once
// SHA-256 (OpenSSL's). Pure, any thread.

#include <string>
#include <string_view>

namespace jiro {

// The 32 bytes.
[[nodiscard]] std::string sha256(std::string_view text);
// In lower-case hexadecimal, as sha256sum prints it.
[[nodiscard]] std::string sha256_hex(std::string_view text);

}  // namespace jiro
