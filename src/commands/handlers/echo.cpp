// SPDX-License-Identifier: MIT
// `echo TEXT`: the text, as it came. For trying the way there and back.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

namespace {

class Echo final : public CommandHandler {
  public:
    Echo()
        : CommandHandler({.name = "echo",
                          .summary = "Answers with the text that it was given",
                          .usage = "echo TEXT...",
                          .idempotent = true}) {}

    Task<CommandResult> run(CommandContext& context) const override {
        co_return CommandResult::text(context.argument_text());
    }
};

}  // namespace

std::unique_ptr<const CommandHandler> make_echo(const BuiltinServices&) { return std::make_unique<Echo>(); }

}  // namespace jiro::commands
