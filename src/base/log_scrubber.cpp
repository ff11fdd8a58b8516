// SPDX-License-Identifier: MIT
#include "base/log_scrubber.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstdint>
#include <optional>

#include "jiro/base/base64.hpp"
#include "jiro/base/text.hpp"

namespace jiro::log {

namespace {

constexpr std::string_view kMask = "***";

// Not std::tolower: that asks the locale, for every character of every line.
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
        } else {
            out += '%';
            out += kHex[byte >> 4U];
            out += kHex[byte & 0xFU];
        }
    }
    return out;
}

// The base64 characters that `text` determines alone when it stands `offset` bytes into what is encoded.
std::string base64_core(std::string_view text, std::size_t offset) {
    const std::string padded = std::string(offset, '\0') + std::string(text);
    const std::string out = to_base64(padded);
    const std::size_t first = (offset * 8 + 5) / 6;
    const std::size_t last = padded.size() * 8 / 6;
    return out.substr(first, last - first);
}

void replace_all(std::string& text, std::string_view what) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + kMask.size())) {
        text.replace(at, what.size(), kMask);
    }
}

// How the secret that follows a name in a text is told from the name.
enum class Shape {
    parameter,  // name=value up to the next separator; "name":"value"
    query,      // as `parameter`, directly after ? or & only: the name is an ordinary word elsewhere
    header,     // name: value up to the end of the line
    scheme,     // name value
};

struct Pattern {
    std::string_view name;  // lower case
    Shape shape;
};

constexpr std::array kPatterns{
    Pattern{"access_token", Shape::parameter},
    Pattern{"accesstoken", Shape::parameter},
    Pattern{"api_key", Shape::parameter},
    Pattern{"apikey", Shape::parameter},
    Pattern{"x-api-key", Shape::header},
    Pattern{"connectiontoken", Shape::parameter},
    Pattern{"id", Shape::query},
    Pattern{"authorization", Shape::header},
    Pattern{"cookie", Shape::header},
    Pattern{"bearer", Shape::scheme},
};

// Which patterns' names begin with a character, in either case: most characters of a line begin none.
using PatternSet = std::uint16_t;
static_assert(kPatterns.size() <= 16);
constexpr auto kBegins = [] {
    std::array<PatternSet, 256> begins{};
    for (std::size_t c = 0; c < begins.size(); ++c) {
        for (std::size_t i = 0; i < kPatterns.size(); ++i) {
            const bool begins_with_it = lower_case(static_cast<char>(c)) == kPatterns[i].name.front();
            if (begins_with_it) begins[c] = static_cast<PatternSet>(begins[c] | (1U << i));
        }
    }
    return begins;
}();

bool names_at(std::string_view text, std::size_t at, std::string_view name) {
    if (text.size() - at < name.size()) return false;
    return std::equal(name.begin(), name.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char expected, char actual) { return expected == lower_case(actual); });
}

struct Range {
    std::size_t begin;
    std::size_t end;
};

std::size_t skip(std::string_view text, std::size_t at, char c) {
    while (at < text.size() && text[at] == c) ++at;
    return at;
}

std::size_t find_or_end(std::string_view text, std::string_view stops, std::size_t from) {
    return std::min(text.find_first_of(stops, from), text.size());
}

// The value after "name" at `end_of_name`, for name=value and "name":"value".
std::optional<Range> parameter_value(std::string_view text, std::size_t end_of_name) {
    if (end_of_name >= text.size()) return std::nullopt;
    if (text[end_of_name] == '=') {
        std::size_t begin = end_of_name + 1;
        if (begin < text.size() && text[begin] == '"') return Range{begin + 1, find_or_end(text, "\"", begin + 1)};
        return Range{begin, find_or_end(text, "& \t\r\n\"'#;,)<>", begin)};
    }
    if (text[end_of_name] != '"') return std::nullopt;
    std::size_t at = skip(text, end_of_name + 1, ' ');
    if (at >= text.size() || text[at] != ':') return std::nullopt;
    at = skip(text, at + 1, ' ');
    if (at >= text.size() || text[at] != '"') return std::nullopt;
    return Range{at + 1, find_or_end(text, "\"", at + 1)};
}

std::optional<Range> value_of(const Pattern& pattern, std::string_view text, std::size_t at) {
    const std::size_t end_of_name = at + pattern.name.size();
    const bool starts_word = at == 0 || !is_word(text[at - 1]);
    switch (pattern.shape) {
        case Shape::parameter:
            return parameter_value(text, end_of_name);
        case Shape::query:
            if (at == 0 || (text[at - 1] != '?' && text[at - 1] != '&')) return std::nullopt;
            return parameter_value(text, end_of_name);
        case Shape::header: {
            if (auto quoted = parameter_value(text, end_of_name); quoted && text[end_of_name] == '"') return quoted;
            const std::size_t separator = skip(text, end_of_name, ' ');
            if (separator >= text.size() || (text[separator] != ':' && text[separator] != '=')) return std::nullopt;
            return Range{skip(text, separator + 1, ' '), find_or_end(text, "\r\n", separator)};
        }
        case Shape::scheme: {
            const std::size_t begin = skip(text, end_of_name, ' ');
            if (!starts_word || begin == end_of_name) return std::nullopt;
            return Range{begin, find_or_end(text, " \t\r\n\"',;", begin)};
        }
    }
    return std::nullopt;
}

// Empty when there was nothing to hide.
std::string scrub_patterns(std::string_view text) {
    std::string out;
    std::size_t copied = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        unsigned candidates = kBegins[static_cast<unsigned char>(text[at])];
        for (; candidates != 0; candidates &= candidates - 1) {
            const Pattern& pattern = kPatterns[static_cast<std::size_t>(std::countr_zero(candidates))];
            if (!names_at(text, at, pattern.name)) continue;
            const auto value = value_of(pattern, text, at);
            if (!value || value->begin >= value->end) continue;
            out.append(text.substr(copied, value->begin - copied)).append(kMask);
            copied = value->end;
            at = value->end - 1;
            break;
        }
    }
    if (copied > 0) out.append(text.substr(copied));
    return out;
}

}  // namespace

void Scrubber::add(std::string_view secret) {
    if (secret.size() < kMinLength) return;
    std::erase_if(secrets_, [&](const Forms& forms) { return forms.value == secret; });
    if (secrets_.size() == kMaxSecrets) secrets_.pop_front();
    Forms forms{std::string(secret), {std::string(secret)}};
    const auto add_form = [&](std::string form) {
        if (form.size() >= kMinLength && std::ranges::find(forms.all, form) == forms.all.end()) {
            forms.all.push_back(std::move(form));
        }
    };
    const std::string encoded = percent_encoded(secret);
    add_form(encoded);
    std::string lower_hex = encoded;
    for (std::size_t i = 0; i + 2 < lower_hex.size(); ++i) {
        if (lower_hex[i] != '%') continue;
        lower_hex[i + 1] = lower_case(lower_hex[i + 1]);
        lower_hex[i + 2] = lower_case(lower_hex[i + 2]);
    }
    add_form(lower_hex);
    for (std::size_t offset = 0; offset < 3; ++offset) {
        std::string form = base64_core(secret, offset);
        add_form(form);
        std::ranges::replace(form, '+', '-');
        std::ranges::replace(form, '/', '_');
        add_form(form);
    }
    secrets_.push_back(std::move(forms));
}

void Scrubber::scrub(std::string& text) const {
    if (auto masked = scrub_patterns(text); !masked.empty()) text = std::move(masked);
    for (const Forms& forms : secrets_) {
        for (const std::string& form : forms.all) replace_all(text, form);
    }
}

void Scrubber::scrub_field(std::string_view name, std::string& value) const {
    static constexpr std::array<std::string_view, 7> kSecretNames{"access_token", "api_key",  "authorization", "cookie",
                                                                  "set_cookie",   "password", "token"};
    if (std::ranges::find(kSecretNames, name) != kSecretNames.end()) {
        value = kMask;
    } else {
        scrub(value);
    }
}

}  // namespace jiro::log
