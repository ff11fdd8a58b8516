// SPDX-License-Identifier: MIT
#include "jiro/http/date.hpp"

#include <algorithm>
#include <array>

#include "jiro/base/text.hpp"

namespace jiro::http {

namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};

struct DigitCount {
    std::size_t fewest;
    std::size_t most;
};

// The digits that `text` begins with, if they are so many; they are taken from it.
std::optional<int> take_number(std::string_view& text, DigitCount count) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits < count.fewest || digits > count.most) return std::nullopt;
    const auto number = parse_number<int>(text.substr(0, digits));
    text.remove_prefix(digits);
    return number;
}

std::optional<int> number_in(std::string_view token, DigitCount count) { return take_number(token, count); }

std::optional<seconds> time_of_day(std::string_view token) {
    seconds time{0};
    for (const int limit : {24, 60, 61}) {  // 61: RFC 9110 has leap seconds
        if (limit != 24 && !token.starts_with(':')) return std::nullopt;
        if (limit != 24) token.remove_prefix(1);
        const auto number = take_number(token, {1, 2});
        if (!number || *number >= limit) return std::nullopt;
        time = time * 60 + seconds(*number);
    }
    return time;
}

std::optional<std::chrono::month> month_in(std::string_view token) {
    const auto found = std::ranges::find(kMonths, lower_case(token.substr(0, 3)));
    if (found == kMonths.end()) return std::nullopt;
    return std::chrono::month(static_cast<unsigned>(found - kMonths.begin()) + 1);
}

std::optional<std::chrono::year> year_in(std::string_view token) {
    const auto number = number_in(token, {2, 4});
    if (!number) return std::nullopt;
    const int century = *number < 70 ? 2000 : *number < 100 ? 1900 : 0;
    return std::chrono::year(*number + century);
}

bool is_delimiter(char c) {
    const char lower = lower_case(c);
    const bool is_of_a_token = (c >= '0' && c <= ':') || (lower >= 'a' && lower <= 'z');
    return c == '\t' || (c >= ' ' && c <= '~' && !is_of_a_token);
}

// What each token of a date says: the first that can be it.
struct Parts {
    std::optional<seconds> time;
    std::optional<int> day;
    std::optional<std::chrono::month> month;
    std::optional<std::chrono::year> year;

    void take(std::string_view token) {
        if (!time && (time = time_of_day(token))) return;
        if (!day && (day = number_in(token, {1, 2}))) return;
        if (!month && (month = month_in(token))) return;
        if (!year) year = year_in(token);
    }
};

}  // namespace

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    Parts parts;
    while (!text.empty()) {
        const auto* const end = std::ranges::find_if(text, is_delimiter);
        const auto length = static_cast<std::size_t>(end - text.begin());
        parts.take(text.substr(0, length));
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    if (!parts.time || !parts.day || !parts.month || !parts.year) return std::nullopt;
    const std::chrono::year_month_day date(*parts.year, *parts.month,
                                           std::chrono::day(static_cast<unsigned>(*parts.day)));
    if (!date.ok() || date.year() < std::chrono::year(1601)) return std::nullopt;
    return std::chrono::sys_days(date) + *parts.time;
}

std::optional<BoundedDuration> parse_retry_after(std::string_view value, WallTime now) {
    if (const auto delay = BoundedDuration::parse<seconds>(value)) return delay;
    const auto date = parse_http_date(value);
    if (!date) return std::nullopt;
    return BoundedDuration(*date - std::chrono::floor<seconds>(now));
}

}  // namespace jiro::http
