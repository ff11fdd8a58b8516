// SPDX-License-Identifier: MIT
// `status`: what the daemon is doing, as the JSON of its status endpoint.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

std::unique_ptr<const CommandHandler> make_status(const BuiltinServices& services) {
    return make_answering(
        {.name = "status", .summary = "Shows what this client is doing, as JSON", .usage = "status", .control = true},
        [status = services.status](const CommandContext&) {
            return status ? CommandResult::text(status(), TextType::json)
                          : CommandResult::failed("the status is known only inside the running service");
        });
}

}  // namespace jiro::commands
