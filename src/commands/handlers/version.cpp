// SPDX-License-Identifier: MIT
// `version`: which client this is.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

std::unique_ptr<const CommandHandler> make_version(const BuiltinServices& services) {
    return make_answering({.name = "version", .summary = "Shows the version of this client", .usage = "version"},
                          [version = services.version](const CommandContext&) {
                              return CommandResult::text("jiro-client " + (version.empty() ? "unknown" : version));
                          });
}

}  // namespace jiro::commands
