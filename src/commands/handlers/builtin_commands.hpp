// SPDX-License-Identifier: MIT
#pragma once
// The list of built-in commands. A new one is a file handlers/<name>.cpp that defines make_<name>, and one line here.

#include "jiro/commands/command_registry.hpp"

#define JIRO_BUILTIN_COMMANDS(COMMAND) \
    COMMAND(echo)                      \
    COMMAND(help)                      \
    COMMAND(load)                      \
    COMMAND(ping)                      \
    COMMAND(status)                    \
    COMMAND(sysinfo)                   \
    COMMAND(version)

namespace jiro::commands {

#define JIRO_DECLARE(name) std::unique_ptr<const CommandHandler> make_##name(const BuiltinServices& services);
JIRO_BUILTIN_COMMANDS(JIRO_DECLARE)
#undef JIRO_DECLARE

}  // namespace jiro::commands
