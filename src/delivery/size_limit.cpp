// SPDX-License-Identifier: MIT
#include "delivery/size_limit.hpp"

#include <algorithm>
#include <array>
#include <boost/regex.hpp>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/text.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kFirstGuess = 1024 * 1024;
constexpr std::size_t kFraming = 64;       // what a proxy counts beside the message
constexpr std::size_t kLeastLimit = 1024;  // a smaller number limits something else, unless it stands behind "vs."

// gRPC's own text for a proxy's HTTP 413; the names of that status (a proxy that translates it to gRPC sends them as
// the text of UNKNOWN); and what ASP.NET Core answers for a message over its limit.
constexpr std::string_view kHttp413 = "received http2 header with status: 413";
constexpr std::array<std::string_view, 3> kNamesOf413{"payload too large", "request entity too large",
                                                      "content too large"};
constexpr std::string_view kAspNetCore = "received message exceeds the maximum configured message size.";

// A number of a text, in bytes, and where it stands.
struct SizeInText {
    std::uint64_t bytes = 0;
    bool has_unit = false;
    bool is_rounded = false;
    std::size_t begin = 0;
    std::size_t end = 0;
};

bool has_any(std::string_view text, const auto& words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// Of the two meanings of MB the smaller one: a limit must not be taken for more than it is.
std::uint64_t factor_of(const std::string& unit) {
    const std::uint64_t step = unit.find('i') != std::string::npos ? 1024 : 1000;
    const char first = unit.empty() ? 'b' : unit.front();
    return first == 'k' ? step : first == 'm' ? step * step : first == 'g' ? step * step * step : 1;
}

// The sizes of a text in lower case: 2000046, 4,194,304, 5.2 mb. What only looks like one (a part of a word, an
// address, a time) is passed over.
std::vector<SizeInText> sizes_in(const std::string& text) {
    static const boost::regex words_and_numbers(
        "[a-z_][a-z0-9_]*|"                                                // a word, with the digits in it
        "(?>(\\d+(?:,\\d{3}(?!\\d))*(?:\\.\\d+)?))"                        // 1: the number
        "(?>([.:]\\d[\\d.:]*)?)"                                           // 2: the rest of an address or a time
        "(?>(?:(?: (?=[a-z]{2}))?(bytes?|[kmg]i?b|[bkmg])(?![a-z0-9]))?)"  // 3: the unit; one letter follows at once
        "([a-z0-9]*)");                                                    // 4: the rest of a word
    std::vector<SizeInText> sizes;
    for (boost::cregex_iterator at(text.data(), text.data() + text.size(), words_and_numbers), end; at != end; ++at) {
        const boost::cmatch& found = *at;
        if (!found[1].matched || found[2].matched || found.length(4) > 0) continue;
        std::string number = found.str(1);
        std::erase(number, ',');
        double value = 0;
        std::from_chars(number.data(), number.data() + number.size(), value);
        if (value > 1e15) continue;
        const std::uint64_t factor = factor_of(found.str(3));
        const auto begin = static_cast<std::size_t>(found.position());
        sizes.push_back({static_cast<std::uint64_t>(value * static_cast<double>(factor)), found[3].matched, factor > 1,
                         begin, begin + static_cast<std::size_t>(found.length())});
    }
    return sizes;
}

// To the byte, or as near as a rounded number is.
bool is_size_of(const SizeInText& said, std::size_t bytes) {
    const std::uint64_t below = said.is_rounded ? bytes / 20 : 0;
    const std::uint64_t above = said.is_rounded ? bytes / 20 : kFraming;
    return said.bytes + below >= bytes && said.bytes <= bytes + above;
}

// The sentences that say of a message of S bytes that L are its limit: each from one subject to the end of what is said
// of it, so that no number of something else (a quota, an offset, what is left or free) is taken for a limit.
const boost::regex& sentences() {
    static const boost::regex all([] {
        const std::string subject = "\\b(?:message|payload|content|frame|body|request)(?: after decompression)?";
        const std::string measure = "(?: size| length)";
        const std::string limit = "(?:the )?(?:(?:allowed|configured|permitted) )*(?:maximum|max|limit|allowed)" +
                                  measure + "?(?: is| of)?:?";
        const std::string excess = "(?:exceeds|exceeded|is over|is (?:larger|greater|bigger|longer) than)";
        return subject + "(?:" +                                                                //
               measure + "? (?:larger than|exceeds) " + limit + " \\(S vs\\.? (L)\\)|" +        //
               measure + "? exceeds " + limit + " (L): S|" +                                    //
               measure + "? too (?:large|big|long): (?:found )?S(?: >|, " + limit + ") (L)|" +  //
               "(?:" + measure + "(?: of| is)?:?| of| is) S(?: " + excess + " " + limit + "|, " + limit + ") (L))" +
               "(?=$|[.;,!)\\]])";
    }());
    return all;
}

std::optional<SizeLimit> named_limit(const std::string& text, std::size_t message_bytes) {
    static constexpr std::array kOfSize{"size", "length", "larger", "too large", "too big", "too long", "bigger"};
    static constexpr std::array kOfSomethingElse{"metadata", "header", "trailer", "rate", "quota", "throttl"};
    if (has_any(text, kOfSomethingElse)) return std::nullopt;
    const auto sizes = sizes_in(text);
    if (!has_any(text, kOfSize) && std::ranges::none_of(sizes, &SizeInText::has_unit)) return std::nullopt;
    std::string sentence;  // S, L and # for the sizes
    std::vector<std::uint64_t> bytes_at(text.size() + 1);
    std::size_t at = 0;
    for (const auto& size : sizes) {
        sentence.append(text, at, size.begin - at);
        bytes_at[sentence.size()] = size.bytes;
        sentence += is_size_of(size, message_bytes) ? 'S' : size.bytes < message_bytes ? 'L' : '#';
        at = size.end;
    }
    sentence.append(text, at);
    boost::cmatch found;
    if (!boost::regex_search(sentence.c_str(), found, sentences())) return std::nullopt;
    const std::size_t which = found[1].matched ? 1 : found[2].matched ? 2 : found[3].matched ? 3 : 4;
    const auto limit = bytes_at.at(static_cast<std::size_t>(found.position(which)));
    if (which > 1 && limit < kLeastLimit) return std::nullopt;
    return SizeLimit{static_cast<std::size_t>(limit), true};
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

// The codes under which the known servers and proxies refuse a message for its size.
bool may_be_of_size(StatusCode code) {
    return code == StatusCode::resource_exhausted || code == StatusCode::invalid_argument ||
           code == StatusCode::out_of_range || code == StatusCode::internal || code == StatusCode::unknown;
}

}  // namespace

std::optional<SizeLimit> size_limit(const SendResult& answer, std::size_t message_bytes) {
    static constexpr std::size_t kLookedAt = 1000;
    if (answer.confirmed() || !may_be_of_size(answer.code)) return std::nullopt;
    const std::string text = lower_case(answer.message.substr(0, kLookedAt));
    if (is_refused_without_number(answer, text)) return next_guess(message_bytes);
    return answer.is_local ? std::nullopt : named_limit(text, message_bytes);
}

}  // namespace jiro::delivery
