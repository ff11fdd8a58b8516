#include "jiro/base/utf8.hpp"

#include <utf8.h>

#include <iterator>

namespace jiro {

namespace {

constexpr std::size_t kLongestTail = 3;  // continuation bytes of a character

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

// Most text is ASCII, which needs no decoder: so many whole blocks at the start are. The inner loop has a fixed length
// and no way out, so that the compiler makes a few wide instructions of it.
std::size_t ascii_blocks(std::string_view text) noexcept {
    constexpr std::size_t kBlock = 32;
    std::size_t at = 0;
    for (; text.size() - at >= kBlock; at += kBlock) {
        unsigned char seen = 0;
        for (std::size_t i = 0; i < kBlock; ++i) seen |= static_cast<unsigned char>(text[at + i]);
        if (seen >= 0x80) break;
    }
    return at;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    text.remove_prefix(ascii_blocks(text));
    return utf8::is_valid(text.begin(), text.end());
}

std::string to_utf8(std::string_view text) {
    if (is_utf8(text)) return std::string(text);
    std::string result;
    result.reserve(text.size());
    utf8::replace_invalid(text.begin(), text.end(), std::back_inserter(result));
    return result;
}

std::string_view utf8_head(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) return text;
    for (std::size_t cut = limit; cut + kLongestTail >= limit && cut > 0; --cut) {
        if (!is_continuation(text[cut])) return text.substr(0, cut);
    }
    return text.substr(0, limit);
}

std::string_view utf8_tail(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) return text;
    const auto start = text.size() - limit;
    for (std::size_t i = start; i <= start + kLongestTail; ++i) {
        if (i == text.size() || !is_continuation(text[i])) return text.substr(i);
    }
    return text.substr(start);
}

}  // namespace jiro
