// SPDX-License-Identifier: MIT
#pragma once
// The process's environment, which other programs' rules live in (proxies, authorities). Nobody changes it while
// threads run.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace jiro {

// Looks a variable up; nullopt: not set.
using VariableLookup = std::function<std::optional<std::string>(std::string_view)>;

[[nodiscard]] std::optional<std::string> process_variable(std::string_view name);

}  // namespace jiro
