// SPDX-License-Identifier: MIT
// `doctor`: what `jiro-client doctor` says on this machine, as the daemon's user inside its sandbox.

#include "commands/handlers/builtin_commands.hpp"
#include "commands/handlers/own_program.hpp"

namespace jiro::commands {

std::unique_ptr<const CommandHandler> make_doctor(const BuiltinServices& services) {
    return make_own_program({.name = "doctor",
                             .summary = "Looks for what is wrong with this client, and says what to do about it",
                             .usage = "doctor"},
                            services.own,
                            // With problems, too, its findings are the answer.
                            {.arguments = {"doctor"}, .successes = {0, 1, 78}});
}

}  // namespace jiro::commands
