// SPDX-License-Identifier: MIT
#pragma once
// A command that this program itself carries out, as a child of the daemon (OwnProgram). One run of each at a time: it
// runs beside the slots, so that it answers also when they are taken.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jiro/commands/command_registry.hpp"

namespace jiro::commands {

struct OwnCall {
    std::vector<std::string> arguments;             // without the program and --config
    std::vector<int> successes;                     // exit codes of a run whose output is an answer
    std::function<Task<std::string>()> input = {};  // for its standard input
};

// `own`: null outside the service.
[[nodiscard]] std::unique_ptr<const CommandHandler> make_own_program(CommandDescription description, OwnProgram* own,
                                                                     OwnCall call);

}  // namespace jiro::commands
