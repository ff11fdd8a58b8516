// SPDX-License-Identifier: MIT
#include "signalr/protocol/http_date.hpp"

#include <ctime>
#include <string>

namespace jiro::signalr {

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    const std::string copy(text);
    for (const char* format : {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%Y %H:%M:%S GMT"}) {
        std::tm date{};
        const char* const end = strptime(copy.c_str(), format, &date);
        if (end != nullptr && *end == '\0') return std::chrono::sys_seconds(std::chrono::seconds(timegm(&date)));
    }
    return std::nullopt;
}

}  // namespace jiro::signalr
