// SPDX-License-Identifier: MIT
#pragma once
// One definition of commands.d, for the unit's side of a command (commands/unit_side.hpp): it has no configuration, and
// believes only what root wrote. Reads files; called in a process that does nothing else meanwhile.

#include <filesystem>
#include <optional>
#include <string>

#include "jiro/base/environment.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::config {

struct FoundDefinition {
    std::optional<commands::ExecCommand> command;
    bool is_defined = false;  // perhaps with mistakes
    std::string problem;      // why there is no command
};

// Looks the name up in the folder's files as they are now. Only what belongs to `owner`, and what nobody else may
// write, counts, the folder included; the problem names a file that does not. Two of the name are none.
[[nodiscard]] FoundDefinition find_definition(const std::filesystem::path& folder, const std::string& name,
                                              const Environment& environment, unsigned owner = 0);

}  // namespace jiro::config
