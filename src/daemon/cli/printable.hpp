// SPDX-License-Identifier: MIT
#pragma once
// Text from outside on its way to a terminal.

#include <chrono>
#include <string>
#include <string_view>

namespace jiro::daemon::cli {

// Control characters, C1 controls among them, become \xNN; everything else stays.
[[nodiscard]] std::string printable(std::string_view text);

// "12 s", "3 min", "5 h", "21 days": one unit, rounded down.
[[nodiscard]] std::string about(std::chrono::seconds duration);

}  // namespace jiro::daemon::cli
