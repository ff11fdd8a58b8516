// SPDX-License-Identifier: MIT
#pragma once
// Text from outside may be any bytes; JSON, proto3 and the journal want UTF-8. Pure, any thread; used wherever such
// bytes become text. Implemented with utfcpp.

#include <cstddef>
#include <string>
#include <string_view>

namespace jiro {

// No overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// As many bytes at the start as are UTF-8.
[[nodiscard]] std::size_t valid_utf8(std::string_view text) noexcept;

// The code points of a text that is UTF-8.
[[nodiscard]] std::wstring code_points(std::string_view text);

// Not the first byte of a character.
[[nodiscard]] constexpr bool is_utf8_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

// Each broken sequence is replaced by U+FFFD.
[[nodiscard]] std::string to_utf8(std::string_view text);
[[nodiscard]] std::string to_utf8(std::string&& text);

// Without what stands at its end and may be the beginning of a character.
[[nodiscard]] std::string_view without_half_character(std::string_view text) noexcept;

// Without what stands at its beginning and may be the rest of a character.
[[nodiscard]] std::string_view without_rest_of_character(std::string_view text) noexcept;

// At most `limit` bytes of the start (the end), without half a character at the cut. Bytes that are not UTF-8 at all
// are cut at the limit.
[[nodiscard]] std::string_view utf8_head(std::string_view text, std::size_t limit) noexcept;
[[nodiscard]] std::string_view utf8_tail(std::string_view text, std::size_t limit) noexcept;

}  // namespace jiro
