// SPDX-License-Identifier: MIT
// `echo TEXT`: the text, as it came. For trying the way there and back.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

std::unique_ptr<const CommandHandler> make_echo(const BuiltinServices&) {
    return make_answering(
        {.name = "echo", .summary = "Answers with the text that it was given", .usage = "echo TEXT..."},
        [](const CommandContext& context) { return CommandResult::text(std::string(context.argument_text())); });
}

}  // namespace jiro::commands
