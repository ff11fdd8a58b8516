// SPDX-License-Identifier: MIT
#pragma once
// What a mistyped word's problem adds.

#include <span>
#include <string>
#include <string_view>

#include "jiro/base/text.hpp"

namespace jiro::config {

// ", did you mean 'X'?" or nothing.
[[nodiscard]] inline std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
    const auto nearest = nearest_word(word, known);
    return nearest.empty() ? std::string() : ", did you mean '" + std::string(nearest) + "'?";
}

}  // namespace jiro::config
