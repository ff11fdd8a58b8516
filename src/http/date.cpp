// SPDX-License-Identifier: MIT
#include "jiro/http/date.hpp"

#include <ctime>
#include <string>

namespace jiro::http {

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    const std::string copy(text);
    // The name of the day may be in full; %Y takes two digits, too.
    for (const char* format : {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
        std::tm date{};
        const char* const end = strptime(copy.c_str(), format, &date);
        if (end == nullptr || *end != '\0') continue;
        const int year = date.tm_year + 1900;
        if (year < 100) date.tm_year = year < 70 ? year + 100 : year;  // RFC 6265, 5.1.1
        return std::chrono::sys_seconds(std::chrono::seconds(timegm(&date)));
    }
    return std::nullopt;
}

std::optional<BoundedDuration> parse_retry_after(std::string_view value, WallTime now) {
    using std::chrono::seconds;
    if (const auto delay = BoundedDuration::parse<seconds>(value)) return delay;
    const auto date = parse_http_date(value);
    if (!date) return std::nullopt;
    return BoundedDuration(*date - std::chrono::floor<seconds>(now));
}

}  // namespace jiro::http
