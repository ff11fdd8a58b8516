// SPDX-License-Identifier: MIT
#pragma once
// What this process has in memory, from /proc/self/statm. Any thread; takes some microseconds.

#include <cstdint>

namespace jiro {

// 0: it cannot be known.
[[nodiscard]] std::uint64_t resident_bytes();

}  // namespace jiro
