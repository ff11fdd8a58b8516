#pragma once
// proto3 strings must be UTF-8: one that is not makes the whole message unreadable to the server.

#include <cstddef>
#include <string>
#include <string_view>

namespace jiro::delivery {

// No overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// Every byte that does not belong to a valid sequence is replaced by U+FFFD.
[[nodiscard]] std::string to_utf8(std::string_view text);

// The largest length <= `limit` that does not split a character of valid UTF-8 `text`.
[[nodiscard]] std::size_t utf8_prefix(std::string_view text, std::size_t limit) noexcept;

}  // namespace jiro::delivery
