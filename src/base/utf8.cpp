// SPDX-License-Identifier: MIT
#include "jiro/base/utf8.hpp"

#include <utf8.h>

#include <algorithm>
#include <iterator>

#include "jiro/base/text.hpp"

namespace jiro {

namespace {

constexpr std::size_t kLongestTail = 3;  // continuation bytes of a character

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    text.remove_prefix(plain_length<0>(text));  // most text is ASCII, which needs no decoder
    return text.empty() || utf8::is_valid(text.begin(), text.end());
}

std::size_t valid_utf8(std::string_view text) noexcept {
    return static_cast<std::size_t>(utf8::find_invalid(text.begin(), text.end()) - text.begin());
}

std::wstring code_points(std::string_view text) {
    static_assert(sizeof(wchar_t) == 4);
    std::wstring result;
    result.reserve(text.size());
    utf8::utf8to32(text.begin(), text.end(), std::back_inserter(result));
    return result;
}

std::string to_utf8(std::string_view text) {
    if (is_utf8(text)) return std::string(text);
    std::string result;
    result.reserve(text.size());
    utf8::replace_invalid(text.begin(), text.end(), std::back_inserter(result));
    return result;
}

std::string to_utf8(std::string&& text) {
    if (is_utf8(text)) return std::move(text);
    return to_utf8(std::string_view(text));
}

std::string_view without_half_character(std::string_view text) noexcept {
    for (std::size_t behind = 1; behind <= std::min(kLongestTail, text.size()); ++behind) {
        const char first = text[text.size() - behind];
        if (is_utf8_continuation(first)) continue;
        const auto byte = static_cast<unsigned char>(first);
        const std::size_t length = byte < 0xC2 || byte > 0xF4 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        return text.substr(0, text.size() - (behind < length ? behind : 0));
    }
    return text;
}

std::string_view utf8_head(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) return text;
    for (std::size_t cut = limit; cut + kLongestTail >= limit && cut > 0; --cut) {
        if (!is_utf8_continuation(text[cut])) return text.substr(0, cut);
    }
    return text.substr(0, limit);
}

std::string_view without_rest_of_character(std::string_view text) noexcept {
    for (std::size_t i = 0; i <= kLongestTail; ++i) {
        if (i == text.size() || !is_utf8_continuation(text[i])) return text.substr(i);
    }
    return text;
}

std::string_view utf8_tail(std::string_view text, std::size_t limit) noexcept {
    return text.size() <= limit ? text : without_rest_of_character(text.substr(text.size() - limit));
}

}  // namespace jiro
