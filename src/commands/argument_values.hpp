// SPDX-License-Identifier: MIT
#pragma once
// Which value belongs to which of the parameters that a command declares: the one rule for built-in commands
// (CommandContext::bind) and for those of Commands.Exec (ArgumentBinding). Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/model/command_message.hpp"

namespace jiro::commands {

using ArgumentValues = std::vector<std::optional<std::string>>;  // one for each declared name

// Parameters of the message bind by name, in upper or lower case, and unknown ones are ignored; words fill the others
// in their order. What is left of the words goes to `rest`; where that is null it is an errc::bad_argument.
[[nodiscard]] Result<ArgumentValues> values_of(std::string_view command, const std::vector<std::string_view>& declared,
                                               const std::vector<std::string>& words, const Parameters& parameters,
                                               std::vector<std::string>* rest);

[[nodiscard]] Error missing_argument(std::string_view command, std::string_view name);

}  // namespace jiro::commands
