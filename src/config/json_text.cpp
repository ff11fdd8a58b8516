// SPDX-License-Identifier: MIT
#include "config/json_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "jiro/base/json.hpp"

namespace jiro::config {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kDocument = "---";  // YAML's
constexpr int kMaxObjects = 64;                // as many documents as the YAML reader takes
constexpr std::size_t kEscape = 6;             // "\ud83d"

std::size_t start_of_value(std::string_view text) {
    std::size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    for (;;) {
        at = text.find_first_not_of(kBlanks, at);
        if (at == std::string_view::npos || (text[at] != '#' && !text.substr(at).starts_with(kDocument))) return at;
        at = text[at] == '#' ? text.find('\n', at) : at + kDocument.size();
    }
}

// Of the escape at the start of `text`; 0 when there is none.
std::uint32_t escaped_unit(std::string_view text) {
    std::uint32_t unit = 0;
    if (text.size() < kEscape || !text.starts_with("\\u")) return 0;
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + kEscape, unit, 16);
    return error == std::errc() && end == text.data() + kEscape ? unit : 0;
}

class NoHandler final : public JsonHandler {
  public:
    void begin_object() override {}
    void key(std::string_view) override {}
    void end_object() override {}
    void begin_array() override {}
    void end_array() override {}
    void string(std::string_view) override {}
    void number(std::string_view) override {}
    void boolean(bool) override {}
    void null() override {}
};

}  // namespace

bool looks_like_json(std::string_view text) {
    const auto at = start_of_value(text);
    return at != std::string_view::npos &&
           (text[at] == '{' || text[at] == '[' || text.substr(at, 2) == "//" || text.substr(at, 2) == "/*");
}

namespace {

// Where a comment may begin: not in the middle of a word, as in an address without quotes.
bool may_begin_comment(std::string_view before) {
    static constexpr std::string_view kEnds = " \t\r\n{}[],\"0123456789";
    static constexpr std::array<std::string_view, 5> kWords{"true", "false", "null", "\":", kByteOrderMark};
    return before.empty() || kEnds.find(before.back()) != std::string_view::npos ||
           std::ranges::any_of(kWords, [&](std::string_view word) { return before.ends_with(word); });
}

// As many bytes of `text` as the string, the comment or the single character at its start has.
std::size_t string_length(std::string_view text) {
    for (std::size_t at = 1; at < text.size(); ++at) {
        if (text[at] == '\\')
            ++at;
        else if (text[at] == '"')
            return at + 1;
    }
    return text.size();
}

std::size_t comment_length(std::string_view text) {
    const bool is_line = text.starts_with("//");
    const auto end = is_line ? text.find('\n') : text.find("*/", 2);
    return end == std::string_view::npos ? text.size() : end + (is_line ? 0 : 2);
}

}  // namespace

std::string without_comments(std::string_view text) {
    std::string out(text);
    for (std::size_t at = 0; at < text.size();) {
        const auto rest = text.substr(at);
        if (rest.front() == '"') {
            at += string_length(rest);
        } else if (rest.front() == '#') {
            at += std::min(rest.find('\n'), rest.size());  // a comment of YAML's
        } else if ((rest.starts_with("//") || rest.starts_with("/*")) && may_begin_comment(text.substr(0, at))) {
            const auto length = comment_length(rest);
            const bool is_open = rest.starts_with("/*") && !rest.substr(2, length - 2).ends_with("*/");
            for (std::size_t i = at; i < at + length && !is_open; ++i) {  // one without an end stays, and is an error
                if (out[i] != '\n' && out[i] != '\r') out[i] = ' ';
            }
            at += length;
        } else {
            ++at;
        }
    }
    return out;
}

std::optional<JsonFinding> find_fault_of_json(std::string_view text) {
    JsonLimits limits = kPatientJsonLimits;
    limits.trailing_commas = true;
    NoHandler nothing;
    std::size_t start = start_of_value(text);
    if (start == std::string_view::npos) return std::nullopt;  // nothing but comments
    for (int objects = 0; objects < kMaxObjects; ++objects) {
        const auto error = read_json(text.substr(start), limits, nothing);
        if (!error) return std::nullopt;
        const std::size_t at = start + error->at;
        if (error->fault == JsonFault::comment)
            return JsonFinding{
                at, "comments (// or /*) are not JSON: expected keys with values; a line of # is a comment here"};
        if (error->fault == JsonFault::lone_surrogate)
            return JsonFinding{
                at,
                "not valid YAML: invalid unicode: one half of a surrogate pair (\\ud800 to \\udfff) without the other"};
        // Another object may follow: several of them, pasted below each other, count as one.
        if (error->at == 0 || at >= text.size() || text[at] != '{') return std::nullopt;
        start = at;
    }
    return std::nullopt;
}

std::string with_pairs_joined(std::string_view text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto first = escaped_unit(text);
        const auto second = first >= 0xD800 && first < 0xDC00 ? escaped_unit(text.substr(kEscape)) : 0;
        std::size_t taken = text.front() == '\\' && text.size() > 1 ? 2 : 1;
        if (second >= 0xDC00 && second < 0xE000) {
            const auto character = 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00);
            out += "\\U";
            for (int shift = 28; shift >= 0; shift -= 4) out += kHex[(character >> shift) & 0xFU];
            taken = 2 * kEscape;
        } else {
            out += text.substr(0, taken);
        }
        text.remove_prefix(taken);
    }
    return out;
}

}  // namespace jiro::config
