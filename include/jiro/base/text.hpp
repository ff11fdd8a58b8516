// SPDX-License-Identifier: MIT
#pragma once
// Small things that are done to text everywhere, each once. Pure; ASCII only where letters matter, whatever the locale.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/error.hpp"

namespace jiro {

[[nodiscard]] constexpr char lower_case(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

[[nodiscard]] std::string lower_case(std::string_view text);
[[nodiscard]] std::string upper_case(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;
// Among pairs of a name and a value: the value of the first that has this name, in either case; null: there is none.
template <typename Pairs>
[[nodiscard]] auto* find_ignoring_case(Pairs& pairs, std::string_view name) noexcept {
    const auto found =
        std::ranges::find_if(pairs, [name](const auto& pair) { return equal_ignoring_case(pair.first, name); });
    return found == pairs.end() ? nullptr : &found->second;
}

[[nodiscard]] bool has_control_characters(std::string_view text) noexcept;  // of ASCII

[[nodiscard]] bool is_token(std::string_view text) noexcept;  // RFC 9110, 5.6.2: the name of a header, for one

[[nodiscard]] constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

// The known word that was most likely meant: it differs least from `word`, in at most a third of its letters, or begins
// with it. Case does not count. Empty when none is near.
[[nodiscard]] std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known);
// What the message about a mistyped word adds; empty when no known one is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> known,
                                       std::string_view before = ", did you mean '", std::string_view after = "'?");

// Long texts are looked at in blocks: whether none of the characters of the block at `at` is one of Stops or below
// `lowest`. What is no such block is to be looked at one by one. The loop has a fixed length and no way out, so that
// the compiler makes a few wide instructions of it.
inline constexpr std::size_t kTextBlock = 32;

template <char... Stops>
[[nodiscard]] bool is_block_without(const char* at, unsigned char lowest) noexcept {
    unsigned char found = 0;
    for (std::size_t i = 0; i < kTextBlock; ++i) {
        const auto c = static_cast<unsigned char>(at[i]);
        found |= static_cast<unsigned char>(((c < lowest) | ... | (c == static_cast<unsigned char>(Stops))));
    }
    return found == 0;
}

// Whether eight times `Words` characters are ASCII from Lowest on, and none of Stops: a word at a time, in which each
// of these differences has the highest bit of a character that is not.
template <std::size_t Words, unsigned char Lowest, unsigned char... Stops>
[[nodiscard]] bool are_plain(const char* at) noexcept {
    constexpr std::uint64_t kEach = 0x0101010101010101;
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < Words; ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, at + i * sizeof word, sizeof word);
        found |= ((word | (word - kEach * Lowest)) | ... | ((word ^ (kEach * Stops)) - kEach));
    }
    return (found & (kEach * 0x80)) == 0;
}

// As many such characters as `text` begins with: most texts are nothing else, and need no second look.
template <unsigned char Lowest, unsigned char... Stops>
[[nodiscard]] std::size_t plain_length(std::string_view text) noexcept {
    constexpr std::size_t kWord = 8;
    const char* const at = text.data();
    const std::size_t size = text.size();
    std::size_t length = 0;
    while (length + 4 * kWord <= size && are_plain<4, Lowest, Stops...>(at + length)) length += 4 * kWord;
    while (length + kWord <= size && are_plain<1, Lowest, Stops...>(at + length)) length += kWord;
    const bool is_rest_short = size >= kWord && size - length < kWord;
    if (is_rest_short && are_plain<1, Lowest, Stops...>(at + size - kWord)) return size;
    const auto is_plain = [](unsigned char c) { return ((c < 0x80 && c >= Lowest) && ... && (c != Stops)); };
    while (length < size && is_plain(static_cast<unsigned char>(at[length]))) ++length;
    return length;
}

// Text from outside for a log or a terminal: what could move the cursor, end a line or reorder it (control characters,
// bidirectional overrides) and bytes that are not UTF-8 become \xNN.
[[nodiscard]] std::string escaped(std::string_view text);
void append_escaped(std::string& out, std::string_view text);
// The same for a text of many lines on a terminal: line breaks and tabs stay.
[[nodiscard]] std::string escaped_lines(std::string_view text);
// What stands at the end of a text that was cut: a secret that was begun there is masked by it (secret_spellings.hpp).
inline constexpr std::string_view kCut = "...";
// A name or a value inside a message of ours: on one line (\n, \t), and cut between two characters after `limit` bytes.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t limit = 120);

// A number, in decimal or in that base, that fills the whole text; nullopt: it is none, or the type does not hold it.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, auto... base) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base...);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    return is_number ? std::optional(number) : std::nullopt;
}

// How people write a yes or a no: true, yes, on or false, no, off, in either case; nullopt: it is neither.
[[nodiscard]] std::optional<bool> parse_flag(std::string_view text);

// "12.50"
[[nodiscard]] std::string decimal(double value, int places);

// The two digits of a byte, in lower case.
[[nodiscard]] std::string hex_digits(unsigned char byte);

// The codes of what can be wrong with words: a quote that is not closed, a backslash at the end.
struct WordErrors {
    boost::system::error_code unclosed_quote;
    boost::system::error_code dangling_escape;
};

// The words of a text, which are separated by white space. '...' keeps everything as it is; "..." keeps everything but
// \" and \\; outside of quotes a backslash keeps the next character. Nothing is expanded.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view text, const WordErrors& errors);
// A word as it is written in such a text.
[[nodiscard]] std::string quoted_word(std::string_view word);
// What is wrong with them, without making them.
[[nodiscard]] std::optional<Error> check_words(std::string_view text, const WordErrors& errors);

// "40 s", "12 min 5 s", "3 h", "1 d 5 h": the two largest units, rounded down; nothing below zero.
[[nodiscard]] std::string for_people(std::chrono::seconds duration);
// A time as RFC 3339 has it: "2026-11-22T10:00:00Z".
[[nodiscard]] std::string utc_text(std::chrono::system_clock::time_point time);
[[nodiscard]] std::string utc_text_ms(std::chrono::system_clock::time_point time);  // "2026-11-22T10:00:00.042Z"
// The same moment for a person at this machine, in its time zone: "2026-11-22 11:00:00".
[[nodiscard]] std::string local_text(std::chrono::system_clock::time_point time);

// The items between commas, without white space around them; those that are empty are none.
[[nodiscard]] std::vector<std::string> split_at_commas(std::string_view list);
// "a, b, c"
[[nodiscard]] std::string join_with_commas(const std::vector<std::string>& items);

}  // namespace jiro
