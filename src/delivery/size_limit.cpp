// SPDX-License-Identifier: MIT
#include "delivery/size_limit.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/text.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kFirstGuess = 1024 * 1024;
constexpr std::size_t kFraming = 64;       // what a proxy counts beside the message
constexpr std::size_t kLeastLimit = 1024;  // a smaller number limits something else, unless the two are compared

// gRPC's own text for a proxy's HTTP 413; the names of that status (a proxy that translates it to gRPC sends them as
// the text of UNKNOWN); and what ASP.NET Core answers for a message over its limit.
constexpr std::string_view kHttp413 = "received http2 header with status: 413";
constexpr std::array<std::string_view, 3> kNamesOf413{"payload too large", "request entity too large",
                                                      "content too large"};
constexpr std::string_view kAspNetCore = "received message exceeds the maximum configured message size.";

enum class Unit {
    none,   // 2000046, at the end, before a sign or a word that makes a sentence of it
    bytes,  // exact
    rounded,
    other,  // 5000 ms, 1000 concurrent requests: it may count anything
};

// A number of a text, in bytes, and where it stands.
struct SizeInText {
    std::uint64_t bytes = 0;
    Unit unit = Unit::none;
    std::size_t begin = 0;
    std::size_t end = 0;
};

struct ByteUnit {
    std::string_view name;
    std::uint64_t factor;
};

// Of the two meanings of MB the smaller one: a limit must not be taken for more than it is.
constexpr std::array kByteUnits{
    ByteUnit{"b", 1},
    ByteUnit{"byte", 1},
    ByteUnit{"bytes", 1},
    ByteUnit{"k", 1000},
    ByteUnit{"kb", 1000},
    ByteUnit{"kib", 1024},
    ByteUnit{"m", 1'000'000},
    ByteUnit{"mb", 1'000'000},
    ByteUnit{"mib", 1024 * 1024},
    ByteUnit{"g", 1'000'000'000},
    ByteUnit{"gb", 1'000'000'000},
    ByteUnit{"gib", 1024 * 1024 * 1024},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool has_any(std::string_view text, const auto& words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// Reads the sizes of a text in lower case: 2000046, 4,194,304, 5.2 MB. What only looks like one (a part of a word, an
// address, a time) is passed over.
class SizeReader {
  public:
    explicit SizeReader(std::string_view text) : text_(text) {}

    std::vector<SizeInText> all() {
        std::vector<SizeInText> sizes;
        while (at_ < text_.size()) {
            const std::size_t begin = at_;
            if (!is_digit(text_[at_])) {
                skip_word_or_character();
            } else if (const auto size = number()) {
                sizes.push_back({size->bytes, size->unit, begin, at_});
            }
        }
        return sizes;
    }

  private:
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    [[nodiscard]] bool are_digits(std::size_t from, std::size_t count) const {
        for (std::size_t i = 0; i < count; ++i) {
            if (!is_digit(peek(from + i))) return false;
        }
        return true;
    }
    void skip_word_or_character() {
        const bool is_word = is_letter(peek()) || peek() == '_';
        do ++at_;
        while (is_word && (is_letter(peek()) || is_digit(peek()) || peek() == '_'));
    }

    std::optional<SizeInText> number() {
        std::string digits;
        const auto take = [&](std::size_t count) {
            digits.append(text_, at_, count);
            at_ += count;
        };
        while (is_digit(peek())) take(1);
        while (peek() == ',' && are_digits(1, 3) && !is_digit(peek(4))) {
            ++at_;
            take(3);
        }
        std::string fraction;
        if (peek() == '.' && is_digit(peek(1))) {
            for (++at_; is_digit(peek()); ++at_) fraction += peek();
        }
        const bool is_address = (peek() == '.' || peek() == ':') && is_digit(peek(1));
        while (is_address && (is_digit(peek()) || peek() == '.' || peek() == ':')) ++at_;
        const auto found = unit();
        double value = 0;
        const auto text = digits + '.' + fraction + '0';
        std::from_chars(text.data(), text.data() + text.size(), value);
        if (is_address || !found || value > 1e15) return std::nullopt;
        const auto unit = found->factor > 1 ? Unit::rounded : found->unit;
        return SizeInText{static_cast<std::uint64_t>(value * static_cast<double>(found->factor)), unit};
    }

    struct FoundUnit {
        std::uint64_t factor = 1;
        Unit unit = Unit::none;
    };

    // Behind the number, perhaps after a blank. nullopt: the number is a part of a word.
    std::optional<FoundUnit> unit() {
        static constexpr std::array<std::string_view, 16> kOfSentence{
            "",        "vs",     "exceeds", "exceeded", "exceed", "is",      "was",   "larger",
            "greater", "bigger", "over",    "allowed",  "max",    "maximum", "limit", "and"};
        const bool has_blank = peek() == ' ';
        const std::size_t from = at_ + (has_blank ? 1 : 0);
        std::size_t to = from;
        while (to < text_.size() && (is_letter(text_[to]) || is_digit(text_[to]))) ++to;
        const auto name = text_.substr(from, to - from);
        const auto* found = std::ranges::find(kByteUnits, name, &ByteUnit::name);
        if (found != kByteUnits.end() && !(has_blank && name.size() == 1)) {
            at_ = to;
            return FoundUnit{found->factor, Unit::bytes};
        }
        if (has_blank || name.empty()) {
            const bool is_bare = std::ranges::find(kOfSentence, name) != kOfSentence.end();
            return FoundUnit{1, is_bare ? Unit::none : Unit::other};
        }
        at_ = to;
        return std::nullopt;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// To the byte, or as near as a rounded number is.
bool is_size_of(const SizeInText& said, std::size_t bytes) {
    const std::uint64_t below = said.unit == Unit::rounded ? bytes / 20 : 0;
    const std::uint64_t above = said.unit == Unit::rounded ? bytes / 20 : kFraming;
    return said.unit != Unit::other && said.bytes + below >= bytes && said.bytes <= bytes + above;
}

// "larger than max (2000046 vs. 1048576)": the size comes first.
bool are_compared(std::string_view text, const SizeInText& size, const SizeInText& limit) {
    const auto between = text.substr(size.end, limit.begin - size.end);
    return between == " vs. " || between == " vs ";
}

std::optional<SizeLimit> limit_of(const SizeInText& size, const SizeInText& limit, std::size_t message_bytes) {
    const bool is_limit = limit.unit != Unit::other && limit.bytes < size.bytes && limit.bytes < message_bytes;
    if (!is_limit || !is_size_of(size, message_bytes)) return std::nullopt;
    return SizeLimit{static_cast<std::size_t>(limit.bytes), true};
}

// Two numbers, of which one is our size and the other, the smaller one, the limit; and words that say so, and that the
// numbers count bytes.
std::optional<SizeLimit> named_limit(std::string_view text, std::size_t message_bytes) {
    static constexpr std::array kOfMessage{"message", "payload", "body", "request", "content", "frame"};
    static constexpr std::array kOfExcess{"larger",  "exceed", "too large", "too big", "too long", "bigger",
                                          "greater", "over",   "limit",     "max",     "allowed"};
    static constexpr std::array kOfSize{"size",      "length",  "byte",     "larger",
                                        "too large", "too big", "too long", "bigger"};
    static constexpr std::array kOfSomethingElse{
        "metadata", "header", "trailer", "rate",     "quota",     "throttl",   "too many", "concurren", "connection",
        "streams",  "token",  " per ",   "/s",       "/min",      "/h",        "second",   "minute",    "hour",
        " day",     "time",   "took",    "deadline", "remaining", "available", "budget",   "queue"};
    if (!has_any(text, kOfMessage) || !has_any(text, kOfExcess) || has_any(text, kOfSomethingElse)) return std::nullopt;
    const auto sizes = SizeReader(text).all();
    const auto has_unit = [](const SizeInText& size) { return size.unit == Unit::bytes || size.unit == Unit::rounded; };
    if (!has_any(text, kOfSize) && std::ranges::none_of(sizes, has_unit)) return std::nullopt;
    for (std::size_t i = 1; i < sizes.size(); ++i) {
        if (are_compared(text, sizes[i - 1], sizes[i])) return limit_of(sizes[i - 1], sizes[i], message_bytes);
    }
    if (sizes.size() != 2) return std::nullopt;
    const auto [limit, size] = std::ranges::minmax(sizes[0], sizes[1], {}, &SizeInText::bytes);
    return limit.bytes >= kLeastLimit ? limit_of(size, limit, message_bytes) : std::nullopt;
}

// 1 MiB, 512 KiB, ... kSmallestGuess: the first that is less than what was refused.
std::optional<SizeLimit> next_guess(std::size_t message_bytes) {
    for (std::size_t guess = kFirstGuess; guess >= kSmallestGuess; guess /= 2) {
        if (guess - kFraming < message_bytes) return SizeLimit{guess - kFraming, false};
    }
    return std::nullopt;
}

bool is_refused_without_number(const SendResult& answer, std::string_view text) {
    if (text == kHttp413) return true;
    if (answer.is_local) return false;
    if (answer.code == StatusCode::resource_exhausted) return text == kAspNetCore;
    return answer.code == StatusCode::unknown && std::ranges::find(kNamesOf413, text) != kNamesOf413.end();
}

// What would be as big then.
bool says_to_try_again(StatusCode code) {
    return code == StatusCode::unavailable || code == StatusCode::deadline_exceeded || code == StatusCode::aborted ||
           code == StatusCode::cancelled;
}

}  // namespace

std::optional<SizeLimit> size_limit(const SendResult& answer, std::size_t message_bytes) {
    if (answer.confirmed() || says_to_try_again(answer.code)) return std::nullopt;
    const std::string text = lower_case(answer.message.substr(0, 1000));
    if (is_refused_without_number(answer, text)) return next_guess(message_bytes);
    return answer.is_local ? std::nullopt : named_limit(text, message_bytes);
}

}  // namespace jiro::delivery
