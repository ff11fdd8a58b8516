// SPDX-License-Identifier: MIT
#pragma once
// Times as Entity Framework writes them into SQLite: "2025-08-06 13:53:19.1234567", UTC. They sort as texts. Pure.

#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"

namespace jiro::assistant {

[[nodiscard]] std::string to_stored(WallTime time);
// What is no time is 1970.
[[nodiscard]] WallTime from_stored(std::string_view text);

}  // namespace jiro::assistant
