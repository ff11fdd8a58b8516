// SPDX-License-Identifier: MIT
// A command whose program asked for the machine's restart (RebootExitCodes) waits for another boot in the journal and
// in memory, beside the queue; in that boot it lines up like any command from before a restart. It has one outcome:
// that of its last run, or why it did not go on.
#include <algorithm>

#include "commands/dispatcher_state.hpp"

namespace jiro::commands {

namespace {

// Their messages are in memory.
constexpr std::ptrdiff_t kMostSuspended = 64;

bool is_suspended(const PendingCommand& command) { return command.resume_before && command.phase == Phase::waiting; }

}  // namespace

Task<std::optional<std::string>> Dispatcher::State::suspend(PendingPtr command) {
    const auto self = shared_from_this();
    const auto& id = command->message.command_sync_id;
    const Suspension wish = *std::exchange(command->suspension, std::nullopt);
    const auto waiting = std::ranges::count_if(by_id, [](const auto& known) { return is_suspended(*known.second); });
    if (command->is_tool()) co_return "who called it waits for its result";
    if (!sink.durable()) co_return "the outbox is in memory only, and would not outlive the machine's restart";
    if (clock.boot_id().empty()) co_return "this machine does not tell one boot from another";
    if (waiting >= kMostSuspended)
        co_return std::to_string(waiting) + " commands wait for the machine's restart already";
    auto storing = sink.suspended(id);
    const auto stored = co_await std::move(storing);
    if (!stored) co_return "the journal cannot note it: " + stored.error().message;
    if (abandoned) co_return std::nullopt;

    observer.suspended(id);
    ++command->resumes;
    commands_log.info("Command waits for the machine's restart", {{"command_sync_id", id},
                                                                  {"command", command->name},
                                                                  {"resumes", command->resumes},
                                                                  {"resume_within_ms", wish.resume_within}});
    wait_for_reboot(command, wish.resume_within);
    co_return std::nullopt;
}

// No slot and no place in the queue; a cancellation and the daemon's stop find it as any that waits.
void Dispatcher::State::wait_for_reboot(const PendingPtr& command, Duration resume_within) {
    command->resume_before = clock.now() + resume_within;
    command->detached = false;
    on_journalled(command);
}

Dispatcher::State::TakenUp Dispatcher::State::resume(const PendingPtr& command, const LeftCommand& left,
                                                     const Result<Resolution>& resolution) {
    command->resumes = left.resumes;
    if (!left.suspended_at) return TakenUp::lines_up;
    const Duration suspended_for = clock.now() - *left.suspended_at;
    const Duration within = resolution ? resolution->handler->description().resume_within : Duration::zero();
    if (suspended_for > within) {
        refuse(command, CommandResult::failed(
                            "the machine was started anew " + std::to_string(to_milliseconds(suspended_for).count()) +
                            " ms after the command asked for it, later than it may go on (ResumeWithinMs)"));
        return TakenUp::refused;
    }
    if (!left.awaits_reboot) return TakenUp::lines_up;
    wait_for_reboot(command, within - suspended_for);
    return TakenUp::waits_for_reboot;
}

}  // namespace jiro::commands
