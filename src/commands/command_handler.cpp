// SPDX-License-Identifier: MIT
#include "jiro/commands/command_handler.hpp"

namespace jiro::commands {

namespace {

class FunctionHandler final : public CommandHandler {
  public:
    FunctionHandler(CommandDescription description, CommandFunction run)
        : CommandHandler(std::move(description)), run_(std::move(run)) {}

    Task<CommandResult> run(CommandContext& context) const override { return run_(context); }

  private:
    CommandFunction run_;
};

}  // namespace

std::unique_ptr<const CommandHandler> make_handler(CommandDescription description, CommandFunction run) {
    return std::make_unique<FunctionHandler>(std::move(description), std::move(run));
}

}  // namespace jiro::commands
