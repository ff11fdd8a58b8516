// SPDX-License-Identifier: MIT
#pragma once
// Small functions over text from outside, shared by the files of this module. Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/text.hpp"

namespace jiro::commands {

// Control characters become \n, \t, \x1b ...; for names and values inside messages.
[[nodiscard]] std::string escaped(std::string_view text, std::size_t limit = 120);

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
[[nodiscard]] inline bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The candidate that differs least from `name`, or starts with it; empty when none is near.
[[nodiscard]] std::string nearest_of(std::string_view name, const std::vector<std::string>& candidates);

// Padded base64, white space between its letters allowed.
[[nodiscard]] bool is_base64(std::string_view text) noexcept;

}  // namespace jiro::commands
