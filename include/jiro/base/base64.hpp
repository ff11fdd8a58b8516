// SPDX-License-Identifier: MIT
#pragma once
// Standard base64 with padding (RFC 4648, section 4): byte[] arguments in the hub protocol's JSON, results that are not
// text, a proxy's credentials, hashes. Pure, any thread; implemented with OpenSSL.

#include <optional>
#include <string>
#include <string_view>

namespace jiro {

[[nodiscard]] std::string to_base64(std::string_view bytes);

// Nothing when `text` is anything else: white space, a missing or misplaced padding, another alphabet.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace jiro
