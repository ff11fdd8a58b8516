// SPDX-License-Identifier: MIT
#include "config/json_text.hpp"

#include <algorithm>
#include <cstdint>

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kDocument = "---";  // YAML's
constexpr int kMaxValues = 64;                 // as many documents as the YAML reader takes
constexpr std::size_t kEscape = 6;             // "\ud83d"

// Behind blanks, lines of # and YAML's ---.
std::size_t start_of_value(std::string_view text, std::size_t at = 0) {
    if (at == 0 && text.starts_with(kByteOrderMark)) at = kByteOrderMark.size();
    for (;;) {
        at = text.find_first_not_of(kBlanks, at);
        if (at == std::string_view::npos || (text[at] != '#' && !text.substr(at).starts_with(kDocument))) return at;
        at = text[at] == '#' ? text.find('\n', at) : at + kDocument.size();
    }
}

bool is_comment(std::string_view text) { return text.starts_with("//") || text.starts_with("/*"); }

bool looks_like_json(std::string_view text) {
    const auto at = start_of_value(text);
    return at != std::string_view::npos && (text[at] == '{' || text[at] == '[' || is_comment(text.substr(at)));
}

// As many bytes of `text` as the double-quoted string at its start has.
std::size_t string_length(std::string_view text) {
    for (std::size_t at = 1; at < text.size(); ++at) {
        if (text[at] == '\\')
            ++at;
        else if (text[at] == '"')
            return at + 1;
    }
    return text.size();
}

// As many bytes as the comment at the start has; 0 when there is none. npos: it has no end.
std::size_t comment_length(std::string_view text, char before) {
    const bool is_yaml = text.front() == '#' && kBlanks.find(before) != std::string_view::npos;
    if (is_yaml || text.starts_with("//")) return std::min(text.find('\n'), text.size());
    if (!text.starts_with("/*")) return 0;
    const auto end = text.find("*/", 2);
    return end == std::string_view::npos ? end : end + 2;
}

// With blanks in place of comments; only of JSON is it known where one begins.
std::string without_comments(std::string_view text) {
    std::string out(text);
    for (std::size_t at = 0; at < text.size();) {
        const auto rest = text.substr(at);
        const std::size_t comment = comment_length(rest, at == 0 ? ' ' : text[at - 1]);
        if (comment == std::string_view::npos) break;  // behind it is no end of another: what is left is not JSON
        for (std::size_t i = at; i < at + comment; ++i) {
            if (out[i] != '\n' && out[i] != '\r') out[i] = ' ';
        }
        at += comment > 0 ? comment : rest.front() == '"' ? string_length(rest) : 1;
    }
    return out;
}

// Knows of a JSON value only whether all of it was there.
class Brackets final : public JsonHandler {
  public:
    void begin_object() override { open(); }
    void key(std::string_view) override {}
    void end_object() override { --open_; }
    void begin_array() override { open(); }
    void end_array() override { --open_; }
    void string(std::string_view) override {}
    void number(std::string_view) override {}
    void boolean(bool) override {}
    void null() override {}

    [[nodiscard]] bool are_closed() const noexcept { return has_any_ && open_ == 0; }

  private:
    void open() {
        ++open_;
        has_any_ = true;
    }

    int open_ = 0;
    bool has_any_ = false;
};

// The first thing in the text that is not JSON; several objects, pasted below each other, are.
std::optional<JsonError> find_what_is_not_json(std::string_view text) {
    JsonLimits limits = kPatientJsonLimits;
    limits.trailing_commas = true;
    std::size_t start = start_of_value(text);
    for (int values = 0; values < kMaxValues && start != std::string_view::npos; ++values) {
        Brackets brackets;
        auto error = read_json(text.substr(start), limits, brackets);
        if (!error) return std::nullopt;
        error->at += start;
        if (!brackets.are_closed()) return error;
        start = start_of_value(text, error->at);
    }
    return std::nullopt;
}

// What YAML would misread, or say in words that help nobody.
std::optional<TextFault> finding_of(const JsonError& error) {
    if (error.fault == JsonFault::comment) {
        return TextFault{error.at,
                         "comments (// or /*) are taken only where they end and all of the text is JSON: here a line "
                         "of # is a comment, and a value that begins like one needs quotes"};
    }
    if (error.fault == JsonFault::lone_surrogate) {
        return TextFault{
            error.at,
            "not valid YAML: invalid unicode: one half of a surrogate pair (\\ud800 to \\udfff) without the other"};
    }
    return std::nullopt;
}

// Of the escape at the start of `text`; 0 when there is none.
std::uint32_t escaped_unit(std::string_view text) {
    const bool is_escape = text.size() >= kEscape && text.starts_with("\\u");
    return is_escape ? parse_number<std::uint32_t>(text.substr(2, kEscape - 2), 16).value_or(0) : 0;
}

// The text with `write(out, character)` in place of each surrogate pair.
template <typename Write>
std::string with_pairs(std::string_view text, Write write) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto first = escaped_unit(text);
        const auto second = first >= 0xD800 && first < 0xDC00 ? escaped_unit(text.substr(kEscape)) : 0;
        std::size_t taken = text.front() == '\\' && text.size() > 1 ? 2 : 1;
        if (second >= 0xDC00 && second < 0xE000) {
            write(out, 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00));
            taken = 2 * kEscape;
        } else {
            out += text.substr(0, taken);
        }
        text.remove_prefix(taken);
    }
    return out;
}

}  // namespace

JsonReading read_as_json(std::string_view text) {
    if (!looks_like_json(text)) return {};
    std::string plain = without_comments(text);
    const auto fault = find_what_is_not_json(plain);
    if (!fault) return {std::move(plain), std::nullopt};
    auto finding = finding_of(*fault);
    // A comment that would be one were the rest JSON, too.
    if (const auto first = find_what_is_not_json(text); !finding && first) finding = finding_of(*first);
    return {std::nullopt, std::move(finding)};
}

std::string with_pairs_hidden(std::string_view text) {
    return with_pairs(text, [](std::string& out, std::uint32_t) { out.append(2 * kEscape, 'x'); });
}

std::string with_pairs_joined(std::string_view text, std::span<const std::size_t> quotes) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    const auto join = [](std::string& out, std::uint32_t character) {
        out += "\\U";
        for (int shift = 28; shift >= 0; shift -= 4) out += kHex[(character >> static_cast<unsigned>(shift)) & 0xFU];
    };
    std::string out;
    std::size_t done = 0;
    for (const std::size_t quote : quotes) {
        if (quote < done || quote >= text.size() || text[quote] != '"') continue;
        const auto length = string_length(text.substr(quote));
        out.append(text.substr(done, quote - done)).append(with_pairs(text.substr(quote, length), join));
        done = quote + length;
    }
    return out.append(text.substr(done));
}

}  // namespace jiro::config
