// SPDX-License-Identifier: MIT
#pragma once
// One command's run: the context that its handler sees, its time limit, its cancellation, its result. Three coroutine
// frames, unless the handler answers at once: run(), run_handler(), the handler's own. It must outlive its handler's
// coroutine: the dispatcher keeps it in the coroutine that awaits run(). Event loop only.

#include <exception>
#include <memory>
#include <optional>

#include "commands/pending_command.hpp"
#include "jiro/commands/command_context.hpp"

namespace jiro::commands {

class CommandScope {
  public:
    // `command` is resolved; `settings` are those in force now, a later reload does not touch it.
    CommandScope(std::shared_ptr<PendingCommand> command, const Settings& settings, ResultSink& sink, Clock& clock,
                 boost::asio::thread_pool& workers);

    // Journals the start, unless the receipt did, and runs the handler within its limits. What goes wrong is a result,
    // too.
    [[nodiscard]] Task<CommandResult> run();

  private:
    struct HandlerRun;

    [[nodiscard]] std::optional<CommandResult> answered();
    [[nodiscard]] Task<> run_handler(std::shared_ptr<HandlerRun> run);
    [[nodiscard]] static Task<> until_ended(std::shared_ptr<HandlerRun> run);
    [[nodiscard]] CommandResult checked(CommandResult&& outcome) const;
    [[nodiscard]] CommandResult broken(const std::exception_ptr& exception) const;
    [[nodiscard]] CommandResult cancelled(std::string_view details) const;

    std::shared_ptr<PendingCommand> command_;
    ResultSink& sink_;
    std::shared_ptr<const CommandRegistry> registry_;  // keeps the handler across a reload
    const CommandHandler& handler_;
    Duration limit_;
    std::optional<CommandMessage> without_signature_;  // where it has one: for the context
    CommandContext context_;
};

}  // namespace jiro::commands
