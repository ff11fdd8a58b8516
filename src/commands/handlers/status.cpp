// SPDX-License-Identifier: MIT
// `status`: what the daemon is doing, as the JSON of its status endpoint.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

namespace {

class Status final : public CommandHandler {
  public:
    explicit Status(std::function<std::string()> status)
        : CommandHandler({.name = "status",
                          .summary = "Shows what this client is doing, as JSON",
                          .usage = "status",
                          .idempotent = true}),
          status_(std::move(status)) {}

    Task<CommandResult> run(CommandContext&) const override {
        if (!status_) co_return CommandResult::failed("the status is known only inside the running service");
        co_return CommandResult::text(status_(), TextType::json);
    }

  private:
    std::function<std::string()> status_;
};

}  // namespace

std::unique_ptr<const CommandHandler> make_status(const BuiltinServices& services) {
    return std::make_unique<Status>(services.status);
}

}  // namespace jiro::commands
