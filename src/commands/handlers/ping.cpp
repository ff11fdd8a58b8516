// SPDX-License-Identifier: MIT
// `ping`: answers "pong". Shows that the whole way works.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

namespace {

class Ping final : public CommandHandler {
  public:
    Ping() : CommandHandler({.name = "ping", .summary = "Answers \"pong\"", .usage = "ping", .idempotent = true}) {}

    Task<CommandResult> run(CommandContext&) const override { co_return CommandResult::text("pong"); }
};

}  // namespace

std::unique_ptr<const CommandHandler> make_ping(const BuiltinServices&) { return std::make_unique<Ping>(); }

}  // namespace jiro::commands
