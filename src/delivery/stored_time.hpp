// SPDX-License-Identifier: MIT
#pragma once
// Wall time as it is stored: milliseconds since 1970.

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "jiro/base/clock.hpp"

namespace jiro::delivery {

[[nodiscard]] inline std::int64_t to_stored(WallTime time) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// A damaged value must not overflow the clock's nanoseconds.
[[nodiscard]] inline WallTime from_stored(std::int64_t stored) noexcept {
    constexpr std::int64_t kLatest = 9'000'000'000'000;  // the year 2255
    return WallTime(std::chrono::milliseconds(std::clamp<std::int64_t>(stored, 0, kLatest)));
}

}  // namespace jiro::delivery
