#pragma once
// Standard base64 with padding (RFC 4648 section 4), for texts that are not UTF-8.

#include <optional>
#include <string>
#include <string_view>

namespace jiro::delivery {

[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace jiro::delivery
