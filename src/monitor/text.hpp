// SPDX-License-Identifier: MIT
#pragma once
// Small pure helpers for what people and other programs read.

#include <cstdint>
#include <string>

namespace jiro::monitor {

// "0 s", "12 s", "3 min 5 s", "2 h 13 min", "4 d 3 h".
[[nodiscard]] std::string human_duration(double seconds);

// "0 ms", "12 ms", "1.2 s", "12 s", then as human_duration.
[[nodiscard]] std::string short_duration(double seconds);

// "17 bytes", "12.3 KiB", "256.0 MiB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace jiro::monitor
