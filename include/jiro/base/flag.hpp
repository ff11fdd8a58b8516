// SPDX-License-Identifier: MIT
#pragma once
// How people write a yes or a no, in the configuration and in the environment. Pure.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/text.hpp"

namespace jiro {

// In either case; nullopt: it is neither.
[[nodiscard]] inline std::optional<bool> parse_flag(std::string_view text) {
    static constexpr std::array<std::string_view, 3> kTrue{"true", "yes", "on"};
    static constexpr std::array<std::string_view, 3> kFalse{"false", "no", "off"};
    const std::string word = lower_case(text);
    if (std::ranges::find(kTrue, word) != kTrue.end()) return true;
    if (std::ranges::find(kFalse, word) != kFalse.end()) return false;
    return std::nullopt;
}

}  // namespace jiro
