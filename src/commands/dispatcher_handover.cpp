// SPDX-License-Identifier: MIT
// A command whose program goes on while the daemon is restarted (Survives). At the stop its row stays as it is,
// running, and nobody is told an outcome; the next process takes the program back, and the command ends as any other.
#include <algorithm>
#include <utility>

#include "commands/dispatcher_state.hpp"

namespace jiro::commands {

// A handler that has no such program, or has it not yet, looks at the wish later, or never.
void Dispatcher::State::hand_over(const PendingPtr& command) {
    if (!is_durable(*command) || command->cancel_reason) return;
    command->handover.is_wanted = true;
    if (command->handover.is_possible) command->stop.emit(boost::asio::cancellation_type::terminal);
}

void Dispatcher::State::leave_running(const PendingPtr& command) {
    commands_log.info("Command goes on without the daemon, until its next start",
                      {{"command_sync_id", command->message.command_sync_id}, {"command", command->name}});
    observer.suspended(command->message.command_sync_id);
    observer.deferred(command->message.command_sync_id);
    by_id.erase(command->message.command_sync_id);
    command->complete({Outcome::interrupted, "goes on while the client is restarted", true});
}

// Nobody needs to hold its program any more.
void Dispatcher::State::settle_handover(PendingCommand& command) {
    if (const auto settled = std::exchange(command.handover.settled, nullptr)) settled();
}

void Dispatcher::State::take_back(const PendingPtr& command, LeftCommand& left, Result<Resolution> resolution) {
    command->is_marked_running = true;
    command->started_at = std::max(*left.runs_since, command->arrived_at);  // two clocks, each with its own precision
    command->resumes = left.resumes;
    command->handover.settled = std::move(left.settled);
    // The text may name another command now, which is not to run: only programs are taken back.
    if (!resolution || resolution->handler->description().runs.empty()) {
        return refuse(command, CommandResult::interrupted("interrupted: the client was restarted, and knows the "
                                                          "command no more; its program was ended"));
    }
    command->resolution = std::move(*resolution);
    command->resolved_with = registry;
    queue.take_back(command);
    on_journalled(command);
}

}  // namespace jiro::commands
