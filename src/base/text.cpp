// SPDX-License-Identifier: MIT
#include "jiro/base/text.hpp"

#include <algorithm>

#include "jiro/base/utf8.hpp"

namespace jiro {

namespace {

// Moves the cursor, ends a line, or reorders what is displayed.
bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

// The character at the front of `text` when it may be shown as it is; empty when not.
std::string_view readable_character(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const std::string_view character = text.substr(0, length);
    if (character.size() < length || !is_utf8(character)) return {};
    char32_t code_point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (const char next : character.substr(1))
        code_point = (code_point << 6U) | (static_cast<unsigned char>(next) & 0x3FU);
    return is_control(code_point) ? std::string_view() : character;
}

constexpr std::size_t kLongestWord = 64;

// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                current[j] = std::min(current[j], before_last[j - 2] + 1);
            }
        }
        before_last.swap(last);
        last.swap(current);
    }
    return last[b.size()];
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = lower_case(c);
    return result;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    const auto fold = [](char c) { return lower_case(c); };
    return std::ranges::equal(left, right, {}, fold, fold);
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
    if (word.empty() || word.size() > kLongestWord) return {};
    const std::string wanted = lower_case(word);
    std::size_t least = std::max<std::size_t>(1, wanted.size() / 3) + 1;
    std::string_view best;
    for (const auto candidate : known) {
        const std::string folded = lower_case(candidate);
        if (wanted.size() >= 3 && folded.starts_with(wanted)) return candidate;
        // What differs more in length than the best so far needs no look; this bounds the work for long names.
        if (std::max(folded.size(), wanted.size()) - std::min(folded.size(), wanted.size()) >= least) continue;
        const auto changes = edit_distance(wanted, folded);
        if (changes >= least) continue;
        least = changes;
        best = candidate;
    }
    return best;
}

std::string join_with_commas(const std::vector<std::string>& items) {
    std::string text;
    for (const auto& item : items) text += text.empty() ? item : ", " + item;
    return text;
}

void append_escaped(std::string& out, std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    static constexpr auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F; };
    while (!text.empty()) {
        const auto run = static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) return;
        if (const auto character = readable_character(text); !character.empty()) {
            out.append(character);
            text.remove_prefix(character.size());
        } else {
            const auto byte = static_cast<unsigned char>(text.front());
            out.append("\\x").append(1, kHex[byte >> 4U]).append(1, kHex[byte & 0xFU]);
            text.remove_prefix(1);
        }
    }
}

std::string escaped(std::string_view text) {
    std::string out;
    append_escaped(out, text);
    return out;
}

std::string escaped_lines(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find_first_of("\n\t"));
        append_escaped(out, line);
        if (line.size() < text.size()) out += text[line.size()];
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return out;
}

std::string excerpt(std::string_view text, std::size_t limit) {
    const auto head = utf8_head(text, limit);
    std::string out;
    for (const char c : escaped_lines(to_utf8(head))) {
        if (c == '\n' || c == '\t') {
            out += c == '\n' ? "\\n" : "\\t";
        } else {
            out += c;
        }
    }
    if (head.size() < text.size()) out += "...";
    return out;
}

std::string for_people(std::chrono::seconds duration) {
    const auto seconds = duration.count();
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 7200) return std::to_string(seconds / 60) + " min";
    return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

}  // namespace jiro
