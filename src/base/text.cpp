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

std::string for_people(std::chrono::seconds duration) {
    const auto seconds = duration.count();
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 7200) return std::to_string(seconds / 60) + " min";
    return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

}  // namespace jiro
