// SPDX-License-Identifier: MIT
#include "monitor/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace jiro::monitor {
namespace {

std::string two_units(std::uint64_t value, std::uint64_t smaller_in_larger, const char* larger, const char* smaller) {
    std::string text = std::to_string(value / smaller_in_larger) + larger;
    const auto rest = value % smaller_in_larger;
    if (rest != 0) text += " " + std::to_string(rest) + smaller;
    return text;
}

}  // namespace

std::string human_duration(double seconds) {
    if (!(seconds > 0)) return "0 s";
    const auto whole = static_cast<std::uint64_t>(std::min(seconds, 1e15));
    if (whole < 60) return std::to_string(whole) + " s";
    if (whole < 3600) return two_units(whole, 60, " min", " s");
    if (whole < 86400) return two_units(whole / 60, 60, " h", " min");
    return two_units(whole / 3600, 24, " d", " h");
}

std::string short_duration(double seconds) {
    if (!(seconds >= 0.0005)) return "0 ms";
    std::array<char, 32> text{};
    if (seconds < 0.9995) {
        std::snprintf(text.data(), text.size(), "%.0f ms", seconds * 1000);
    } else if (seconds < 9.95) {
        std::snprintf(text.data(), text.size(), "%.1f s", seconds);
    } else {
        return human_duration(seconds);
    }
    return text.data();
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
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
    return text.data();
}

}  // namespace jiro::monitor
