// SPDX-License-Identifier: MIT
#include "jiro/commands/command_handler.hpp"

namespace jiro::commands {

namespace {

class FunctionHandler final : public CommandHandler {
  public:
    FunctionHandler(CommandDescription description, CommandFunction run)
        : CommandHandler(std::move(description)), run_(std::move(run)) {}

    Task<CommandResult> run(CommandContext& context) const override {
        auto why_not = context.bind(description());
        return why_not ? refusal(std::move(*why_not)) : run_(context);
    }

  private:
    static Task<CommandResult> refusal(Error why) { co_return CommandResult::rejected(std::move(why)); }

    CommandFunction run_;
};

}  // namespace

std::unique_ptr<const CommandHandler> make_handler(CommandDescription description, CommandFunction run) {
    return std::make_unique<FunctionHandler>(std::move(description), std::move(run));
}

}  // namespace jiro::commands
