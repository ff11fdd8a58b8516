// SPDX-License-Identifier: MIT
// `ping`: answers "pong". Shows that the whole way works.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

std::unique_ptr<const CommandHandler> make_ping(const BuiltinServices&) {
    return make_answering({.name = "ping", .summary = "Answers \"pong\"", .usage = "ping", .control = true},
                          [](const CommandContext&) { return CommandResult::text("pong"); });
}

}  // namespace jiro::commands
