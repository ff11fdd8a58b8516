// SPDX-License-Identifier: MIT
#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

std::unique_ptr<const CommandHandler> make_answering(CommandDescription description, Answer answer) {
    description.idempotent = true;
    // The function outlives its runs, and so does what it captures: the handler owns it.
    return make_handler(
        std::move(description),
        [answer = std::move(answer)](CommandContext& context) -> Task<CommandResult> { co_return answer(context); });
}

CommandRegistry::Handlers make_builtin_commands(const BuiltinServices& services) {
    CommandRegistry::Handlers handlers;
#define JIRO_MAKE(name) handlers.push_back(make_##name(services));
    JIRO_BUILTIN_COMMANDS(JIRO_MAKE)
#undef JIRO_MAKE
    return handlers;
}

}  // namespace jiro::commands
