// SPDX-License-Identifier: MIT
#include "monitor/text.hpp"

#include <algorithm>
#include <array>

#include "jiro/base/text.hpp"

namespace jiro::monitor {
std::string human_duration(double seconds) {
    return for_people(std::chrono::seconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e15))));
}

std::string short_duration(double seconds) {
    if (!(seconds >= 0.0005)) return "0 ms";
    if (seconds < 0.9995) return decimal(seconds * 1000, 0) + " ms";
    return seconds < 9.95 ? decimal(seconds, 1) + " s" : human_duration(seconds);
}

std::string human_bytes(std::uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " bytes";
    constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return decimal(value, 1) + ' ' + kUnits[unit];
}

}  // namespace jiro::monitor
