// SPDX-License-Identifier: MIT
#pragma once
// "did you mean": the known word nearest to a mistyped one.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jiro::config {

// nullopt when nothing is near enough to be what was meant. Case does not count.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

// ", did you mean 'X'?" or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace jiro::config
