// SPDX-License-Identifier: MIT
#include "base/secret_spellings.hpp"

#include <utf8.h>

#include <algorithm>
#include <limits>

#include "jiro/base/base64.hpp"
#include "jiro/base/text.hpp"

namespace jiro {

namespace {

constexpr std::string_view kEscapes = "\\%";
constexpr std::size_t kLongestEscape = 12;  // \ud83d\ude00
constexpr int kLongestBreak = 2;            // characters of a line's end: CR and LF

using Escapes = SecretSpellings::Escapes;

// One character of a text, as it was before it was escaped.
struct Character {
    std::array<char, 4> bytes{};  // UTF-8
    std::size_t size = 0;         // of them
    std::size_t length = 0;       // in the text; 0: cut by its end

    [[nodiscard]] std::string_view view() const { return {bytes.data(), size}; }
};

Character plain_character(char c, std::size_t length) { return {{c}, 1, length}; }

Character after_percent(std::string_view text) {
    if (text.size() < 3) return {};
    const auto byte = parse_number<std::uint32_t>(text.substr(1, 2), 16);
    return byte ? plain_character(static_cast<char>(*byte), 3) : plain_character('%', 1);
}

// Of UTF-16, as JSON has it: a character beyond it is two of them.
Character after_backslash_u(std::string_view text) {
    constexpr std::size_t kLength = 6;
    constexpr std::uint32_t kFirstHigh = 0xD800;
    constexpr std::uint32_t kFirstLow = 0xDC00;
    constexpr std::uint32_t kBehindLow = 0xE000;
    if (text.size() < kLength) return {};
    auto code = parse_number<std::uint32_t>(text.substr(2, 4), 16);
    if (!code) return plain_character('u', 2);
    Character character;
    character.length = kLength;
    if (*code >= kFirstHigh && *code < kBehindLow) {
        if (text.size() < 2 * kLength) return {};
        const auto low = parse_number<std::uint32_t>(text.substr(kLength + 2, 4), 16);
        const bool is_pair = *code < kFirstLow && text.substr(kLength).starts_with("\\u") && low && *low >= kFirstLow &&
                             *low < kBehindLow;
        if (!is_pair) return plain_character('u', 2);
        code = 0x10000 + ((*code - kFirstHigh) << 10U) + (*low - kFirstLow);
        character.length = 2 * kLength;
    }
    character.size =
        static_cast<std::size_t>(utf8::unchecked::append(*code, character.bytes.data()) - character.bytes.data());
    return character;
}

Character after_backslash(std::string_view text) {
    static constexpr std::string_view kNames = "bfnrt";
    static constexpr std::string_view kMeant = "\b\f\n\r\t";
    if (text.size() < 2) return {};
    if (text[1] == 'u') return after_backslash_u(text);
    const auto name = kNames.find(text[1]);
    return plain_character(name == std::string_view::npos ? text[1] : kMeant[name], 2);
}

// Between a shell's single quotes: the quotes end, and begin again behind the one that is meant.
Character after_quote(std::string_view text) {
    for (const std::string_view quote : {R"('\'')", R"('"'"')"}) {
        if (text.starts_with(quote)) return plain_character('\'', quote.size());
        if (quote.starts_with(text)) return {};
    }
    return plain_character('\'', 1);
}

Character first_character(std::string_view text, Escapes escapes) {
    if (text.empty()) return {};
    if (escapes == Escapes::backslash && text.front() == '\\') return after_backslash(text);
    if (escapes == Escapes::quotes && text.front() == '\'') return after_quote(text);
    if (escapes == Escapes::percent && text.front() == '%') return after_percent(text);
    return plain_character(text.front(), 1);
}

char standard_base64(char c) { return c == '-' ? '+' : c == '_' ? '/' : c; }

bool is_escape(char c) { return kEscapes.find(c) != std::string_view::npos; }

// The base64 characters that `text` determines alone when it stands `offset` bytes into what is encoded.
std::string base64_core(std::string_view text, std::size_t offset) {
    const std::string padded = std::string(offset, '\0') + std::string(text);
    const std::string out = to_base64(padded);
    const std::size_t first = (offset * 8 + 5) / 6;
    const std::size_t last = padded.size() * 8 / 6;
    return out.substr(first, last - first);
}

std::size_t pair_of(char first, char second) {
    return static_cast<std::size_t>(static_cast<unsigned char>(first)) << 8U | static_cast<unsigned char>(second);
}

}  // namespace

void SecretSpellings::add(std::string_view value, std::set<Pattern>& patterns) {
    longest_value_ = std::max(longest_value_, value.size());
    patterns.insert({std::string(value), false});
    for (std::size_t offset = 0; offset < 3; ++offset) patterns.insert({base64_core(value, offset), true});
}

void SecretSpellings::look_for(const std::set<Pattern>& patterns) {
    for (const Pattern& pattern : patterns) {
        const char first = pattern.text.front();
        add_beginning(pattern, first);
        if (pattern.is_base64 && first == '+') add_beginning(pattern, '-');
        if (pattern.is_base64 && first == '/') add_beginning(pattern, '_');
        if (first == ' ') add_beginning(pattern, '+');
        patterns_.push_back(pattern);
    }
}

void SecretSpellings::add_beginning(const Pattern& pattern, char first) {
    auto& candidates = by_first_byte_.at(static_cast<unsigned char>(first));
    Candidate candidate{static_cast<std::uint32_t>(patterns_.size()), 0};
    if (!candidates.empty() && patterns_[candidates.back().pattern].is_base64 == pattern.is_base64) {
        const auto& before = patterns_[candidates.back().pattern].text;
        const auto differs = std::ranges::mismatch(before, pattern.text).in2;
        candidate.shared = static_cast<std::uint32_t>(differs - pattern.text.begin());
    }
    candidates.push_back(candidate);
    const char next = pattern.text[1];
    for (int i = std::numeric_limits<char>::min(); i <= std::numeric_limits<char>::max(); ++i) {
        const char second = static_cast<char>(i);
        const bool is_quote = first == '\'' && second == '"';  // of '"'"'
        const bool is_next = second == next || (second == '+' && next == ' ') || is_escape(second) || is_quote;
        const bool is_base64 =
            pattern.is_base64 && (standard_base64(second) == next || second == '\r' || second == '\n');
        if (is_next || is_base64) first_two_bytes_.set(pair_of(first, second));
        for (const char escape : kEscapes) first_two_bytes_.set(pair_of(escape, second));
    }
}

// A text escapes in one way from the first character to the last: so there is nothing to try twice.
SecretSpellings::Match SecretSpellings::match(const Pattern& pattern, std::string_view text, Escapes escapes) {
    std::size_t at = 0;
    std::size_t matched = 0;
    int breaks = 0;
    while (matched < pattern.text.size()) {
        const auto rest = text.substr(at);
        const auto character = first_character(rest, escapes);
        if (character.length == 0) return {0, matched, at, true};
        const auto expected = std::string_view(pattern.text).substr(matched, character.size);
        const char first = character.bytes.front();
        if (expected == character.view() || (pattern.is_base64 && standard_base64(first) == expected.front())) {
            matched += character.size;
            breaks = 0;
        } else if (escapes == Escapes::percent && rest.front() == '+' && expected.front() == ' ') {
            ++matched;
        } else if (pattern.is_base64 && matched > 0 && breaks < kLongestBreak && (first == '\r' || first == '\n')) {
            ++breaks;
        } else {
            return {0, matched, at, false};
        }
        at += character.length;
    }
    return {at, matched, at, false};
}

// Bytes of a value's beginning that stands where the text was cut; 0: none does. Dots of its own may have been taken
// for those of the cut, and an escape may be cut, too.
std::size_t SecretSpellings::size_of_half(const Match& match, std::string_view text, Escapes escapes, End end) {
    if (match.begun < kMinLength) return 0;
    if (end != End::whole) return end == End::cut && match.is_cut_by_the_end ? text.size() : 0;
    const std::size_t from = match.behind - std::min(match.behind, kCut.size());
    const std::size_t cut = text.substr(0, match.behind + kLongestEscape + kCut.size()).find(kCut, from);
    if (cut == std::string_view::npos) return 0;
    if (cut <= match.behind) return match.begun >= kMinLength + (match.behind - cut) ? cut : 0;
    return first_character(text.substr(match.behind, cut - match.behind), escapes).length == 0 ? cut : 0;
}

std::optional<SecretSpellings::Found> SecretSpellings::find_at(std::string_view text, std::size_t at, End end) const {
    const auto rest = text.substr(at);
    std::size_t size = 0;
    for (const auto escapes : {Escapes::none, Escapes::backslash, Escapes::quotes, Escapes::percent}) {
        const auto first = first_character(rest, escapes);
        if (first.length == 0 && end == End::open) return Found{at, rest.size(), true};
        if (first.length == 0) continue;
        std::size_t enough = SIZE_MAX;  // characters to share with the one before, to fail where that did
        for (const auto& candidate : by_first_byte_.at(static_cast<unsigned char>(first.bytes.front()))) {
            if (candidate.shared >= enough) continue;
            const auto found = match(patterns_[candidate.pattern], rest, escapes);
            if (found.is_cut_by_the_end && end == End::open) return Found{at, rest.size(), true};
            size = std::max(size, found.size > 0 ? found.size : size_of_half(found, rest, escapes, end));
            enough = found.size > 0 ? SIZE_MAX : found.begun + first.bytes.size();
        }
    }
    if (size == 0) return std::nullopt;
    return Found{at, size, false};
}

std::optional<SecretSpellings::Found> SecretSpellings::find(std::string_view text, std::size_t from, End end) const {
    if (patterns_.empty()) return std::nullopt;
    for (std::size_t at = from; at < text.size(); ++at) {
        if (at + 1 < text.size() && !first_two_bytes_[pair_of(text[at], text[at + 1])]) continue;
        if (const auto found = find_at(text, at, end)) return found;
    }
    return std::nullopt;
}

SecretSpellings::Masked SecretSpellings::masked(std::string_view text, End end, std::size_t covered) const {
    Masked result;
    result.shown.reserve(text.size());
    std::size_t done = covered;  // shown or masked
    std::size_t at = 0;
    while (const auto found = find(text, at, end)) {
        const bool is_apart = found->begin >= done;
        if (is_apart) result.shown.append(text.substr(done, found->begin - done));
        if (found->is_open) {
            result.held = text.substr(found->begin);
            result.covered = is_apart ? 0 : done - found->begin;
            return result;
        }
        if (is_apart) result.shown.append(kMask);
        done = std::max(done, found->begin + found->size);
        at = found->begin + 1;
    }
    result.shown.append(text.substr(std::min(done, text.size())));
    return result;
}

}  // namespace jiro
