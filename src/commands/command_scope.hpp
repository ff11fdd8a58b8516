// SPDX-License-Identifier: MIT
#pragma once
// One command's life from its slot to its outcome: the context its handler sees, its time limit, its result, its
// counters. The slot is free again when the handler has ended. The destructor frees it at the latest and, should the
// run never have been settled, still counts it as ended: whatever happens to the coroutine that holds the scope,
// nothing leaks and nothing is silent.

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "commands/dispatcher_state.hpp"
#include "jiro/commands/command_context.hpp"

namespace jiro::commands {

class CommandScope {
  public:
    CommandScope(std::shared_ptr<Dispatcher::State> dispatcher, PendingPtr command);  // the command is resolved
    ~CommandScope();
    CommandScope(const CommandScope&) = delete;
    CommandScope& operator=(const CommandScope&) = delete;

    // Journals the start, runs the handler within its limits, settles the outcome. Never throws.
    [[nodiscard]] Task<> run();

  private:
    // Shared with the handler's coroutine, whose completion may be seen after the scope's end.
    struct HandlerRun {
        bool has_ended = false;
        std::optional<CommandResult> outcome;            // none: the run was dropped
        std::optional<boost::asio::steady_timer> ended;  // made when somebody waits; cancelled at the end
    };

    [[nodiscard]] Task<CommandResult> result();
    [[nodiscard]] Task<CommandResult> run_handler();
    [[nodiscard]] Task<> note_outcome(std::shared_ptr<HandlerRun> run);
    void free_slot_soon();
    [[nodiscard]] static Task<> until_ended(std::shared_ptr<HandlerRun> run);
    [[nodiscard]] Task<CommandResult> guarded_handler();
    [[nodiscard]] CommandResult checked(CommandResult result) const;
    [[nodiscard]] CommandResult cancelled(std::string_view details) const;

    std::shared_ptr<Dispatcher::State> dispatcher_;
    PendingPtr command_;
    std::shared_ptr<const CommandRegistry> registry_;  // keeps the handler across a reload
    const CommandHandler* handler_;
    Duration limit_;
    CommandContext context_;
    bool holds_slot_ = true;
};

}  // namespace jiro::commands
