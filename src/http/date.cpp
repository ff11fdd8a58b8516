// SPDX-License-Identifier: MIT
#include "jiro/http/date.hpp"

#include <ctime>
#include <string>

namespace jiro::http {

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    const std::string copy(text);
    for (const char* format : {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%Y %H:%M:%S GMT"}) {
        std::tm date{};
        const char* const end = strptime(copy.c_str(), format, &date);
        if (end != nullptr && *end == '\0') return std::chrono::sys_seconds(std::chrono::seconds(timegm(&date)));
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
