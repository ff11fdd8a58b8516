// SPDX-License-Identifier: MIT
#pragma once
// The list of built-in commands. A new one is a file handlers/<name>.cpp that defines make_<name>, and one line here.

#include <functional>

#include "jiro/commands/command_registry.hpp"

#define JIRO_BUILTIN_COMMANDS(COMMAND) \
    COMMAND(bundle)                    \
    COMMAND(cancel)                    \
    COMMAND(doctor)                    \
    COMMAND(echo)                      \
    COMMAND(help)                      \
    COMMAND(load)                      \
    COMMAND(output)                    \
    COMMAND(ping)                      \
    COMMAND(running)                   \
    COMMAND(status)                    \
    COMMAND(sysinfo)                   \
    COMMAND(version)

namespace jiro::commands {

#define JIRO_DECLARE(name) std::unique_ptr<const CommandHandler> make_##name(const BuiltinServices& services);
JIRO_BUILTIN_COMMANDS(JIRO_DECLARE)
#undef JIRO_DECLARE

// A built-in command that answers at once: `answer` is called on the event loop and does not block. An exception is the
// command's error. All of them may be repeated. As of make_handler(), what came fits what the description declares.
using Answer = std::function<CommandResult(const CommandContext&)>;
[[nodiscard]] std::unique_ptr<const CommandHandler> make_answering(CommandDescription description, Answer answer);

}  // namespace jiro::commands
