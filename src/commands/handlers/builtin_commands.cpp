// SPDX-License-Identifier: MIT
#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

namespace {

class AnsweringHandler final : public CommandHandler {
  public:
    AnsweringHandler(CommandDescription description, Answer answer)
        : CommandHandler(std::move(description)), answer_(std::move(answer)) {}

    Task<CommandResult> run(CommandContext& context) const override { co_return *answer(context); }
    std::optional<CommandResult> answer(CommandContext& context) const override {
        if (auto why_not = context.bind(description())) return CommandResult::rejected(std::move(*why_not));
        return answer_(context);
    }

  private:
    Answer answer_;
};

}  // namespace

std::unique_ptr<const CommandHandler> make_answering(CommandDescription description, Answer answer) {
    description.idempotent = true;
    return std::make_unique<AnsweringHandler>(std::move(description), std::move(answer));
}

CommandRegistry::Handlers make_builtin_commands(const BuiltinServices& services) {
    CommandRegistry::Handlers handlers;
#define JIRO_MAKE(name) handlers.push_back(make_##name(services));
    JIRO_BUILTIN_COMMANDS(JIRO_MAKE)
#undef JIRO_MAKE
    return handlers;
}

}  // namespace jiro::commands
