// SPDX-License-Identifier: MIT
#pragma once
// The names of enumerators as the compiler knows them, so that no list beside the enum has to say them again:
//
//     enum class Fruit { apple = 1, pear };
//     enum_names<Fruit::apple, Fruit::pear>[1]      // "pear"

#include <array>
#include <string_view>
#include <utility>

namespace jiro {

template <auto Value>
[[nodiscard]] constexpr std::string_view enum_name() noexcept {
    std::string_view name = __PRETTY_FUNCTION__;  // "... [with auto Value = jiro::Fruit::pear; ...]"
    name.remove_prefix(name.find("Value = "));
    name = name.substr(0, name.find_first_of(";]"));
    return name.substr(name.rfind(':') + 1);
}

// Those from First to Last, whose numbers follow each other.
template <auto First, decltype(First) Last>
inline constexpr auto enum_names = []<int... Number>(std::integer_sequence<int, Number...>) {
    constexpr int kFirst = static_cast<int>(First);
    return std::array{enum_name<static_cast<decltype(First)>(kFirst + Number)>()...};
}
(std::make_integer_sequence<int, static_cast<int>(Last) - static_cast<int>(First) + 1>());

}  // namespace jiro
