// SPDX-License-Identifier: MIT
#pragma once
// Dates as HTTP writes them (RFC 9110, 5.6.7), for cookies, and waits. Pure.

#include <chrono>
#include <optional>
#include <string_view>

#include "jiro/base/bounded_duration.hpp"

namespace jiro::http {

// "Sun, 06 Nov 1994 08:49:37 GMT", with hyphens as cookies have it, and the two old forms: "Sunday, 06-Nov-94 08:49:37
// GMT" (years of two digits are those of 1970 to 2069) and "Sun Nov  6 08:49:37 1994"; nullopt for anything else. In
// seconds: the nanoseconds of a WallTime end in the year 2262.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

// The value of Retry-After: seconds or a date, seen at `now`; nullopt when neither.
[[nodiscard]] std::optional<BoundedDuration> parse_retry_after(std::string_view value, WallTime now);

}  // namespace jiro::http
