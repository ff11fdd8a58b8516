// SPDX-License-Identifier: MIT
#pragma once
// One definition of commands.d, for the unit's side of a command (commands/unit_side.hpp): it has no configuration, and
// believes only what root wrote. Reads files; called in a process that does nothing else meanwhile.

#include <filesystem>
#include <string>

#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::config {

// Looks the name up in the folder's files as they are now. Only what belongs to `owner`, and what nobody else may
// write, counts, the folder included. errc::not_defined of commands: no such definition, or in a file that does not
// count, which the message then names; errc::bad_definition: two of the name, or one with mistakes.
[[nodiscard]] Result<commands::ExecCommand> find_definition(const std::filesystem::path& folder,
                                                            const std::string& name, const Environment& environment,
                                                            unsigned owner = 0);

}  // namespace jiro::config
