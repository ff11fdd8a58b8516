// SPDX-License-Identifier: MIT
#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

CommandRegistry::Handlers make_builtin_commands(const BuiltinServices& services) {
    CommandRegistry::Handlers handlers;
#define JIRO_MAKE(name) handlers.push_back(make_##name(services));
    JIRO_BUILTIN_COMMANDS(JIRO_MAKE)
#undef JIRO_MAKE
    return handlers;
}

}  // namespace jiro::commands
