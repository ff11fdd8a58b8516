// SPDX-License-Identifier: MIT
#pragma once
// Dates as servers write them, for cookies, and waits. Pure.

#include <chrono>
#include <optional>
#include <string_view>

#include "jiro/base/bounded_duration.hpp"

namespace jiro::http {

// By the rule for cookies (RFC 6265, 5.1.1): a time, a day, a month's name and a year, in any order and with anything
// else around them, always in GMT. "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7) and its old forms are such; years
// of two digits are those of 1970 to 2069. In seconds: the nanoseconds of a WallTime end in the year 2262.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

// The value of Retry-After: seconds or a date, seen at `now`; nullopt when neither.
[[nodiscard]] std::optional<BoundedDuration> parse_retry_after(std::string_view value, WallTime now);

}  // namespace jiro::http
