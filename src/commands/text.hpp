#pragma once
// Small functions over text from outside, shared by the files of this module. Pure.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/text.hpp"

namespace jiro::commands {

// Control characters become \n, \t, \x1b ...; for names and values inside messages.
[[nodiscard]] std::string escaped(std::string_view text, std::size_t limit = 120);

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
[[nodiscard]] inline bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Long texts are looked at eight characters at a time: whether none of those at `at` is one of Stops or below `lowest`
// (at most 0x80). What is no such word is to be looked at one by one.
inline constexpr std::size_t kTextWord = sizeof(std::uint64_t);

template <char... Stops>
[[nodiscard]] bool is_word_without(const char* at, unsigned char lowest) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::uint64_t kHigh = 0x8080808080808080U;
    std::uint64_t word = 0;
    std::memcpy(&word, at, kTextWord);
    const auto has_zero = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
    const std::uint64_t found =
        (((word - kOnes * lowest) & ~word) | ... | has_zero(word ^ (kOnes * static_cast<unsigned char>(Stops))));
    return (found & kHigh) == 0;
}

// The candidate that differs least from `name`, or starts with it; empty when none is near.
[[nodiscard]] std::string nearest_of(std::string_view name, const std::vector<std::string>& candidates);

// Padded base64, white space between its letters allowed.
[[nodiscard]] bool is_base64(std::string_view text) noexcept;

}  // namespace jiro::commands
