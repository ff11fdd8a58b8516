// SPDX-License-Identifier: MIT
#pragma once
// Dates as HTTP writes them (RFC 9110, 5.6.7), for Retry-After and for cookies. Pure.

#include <chrono>
#include <optional>
#include <string_view>

namespace jiro::signalr {

// "Sun, 06 Nov 1994 08:49:37 GMT", or with hyphens as cookies have it; nullopt for anything else. In seconds: the
// nanoseconds of a WallTime end in the year 2262.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace jiro::signalr
