#pragma once
// Small things that are done to text everywhere, each once. Pure; ASCII only where letters matter, whatever the locale.

#include <string>
#include <string_view>
#include <vector>

namespace jiro {

[[nodiscard]] constexpr char lower_case(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

[[nodiscard]] std::string lower_case(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;

// "a, b, c"
[[nodiscard]] std::string join_with_commas(const std::vector<std::string>& items);

}  // namespace jiro
