// SPDX-License-Identifier: MIT
#include "daemon/command_recovery.hpp"

#include "daemon/events.hpp"
#include "daemon/journal.hpp"
#include "daemon/log.hpp"

namespace jiro::daemon {

namespace {

constexpr auto kRecoverAgain = std::chrono::seconds(1);

}  // namespace

Task<Result<>> CommandRecovery::recover() {
    while (!is_recovered_ && dispatcher_.has_room()) {
        const TimePoint as_of = clock_.now();
        auto part = co_await outbox_.recover(make_interrupted_outcome, descriptors_.finder());
        if (!part) co_return part.error();
        note_lost(*part);
        is_recovered_ = part->is_all;
        dispatcher_.set_older_in_journal(!is_recovered_);
        co_await take_up(std::move(part->running), as_of);
        co_await take_up(std::move(part->to_run), as_of);
    }
    if (is_recovered_) drop_unclaimed();
    co_return Result<>();
}

Task<> CommandRecovery::recover_rest() {
    if (is_recovered_) co_return;
    bool has_failed = false;
    while (!is_recovered_) {
        auto room = has_failed ? clock_.sleep_for(kRecoverAgain) : dispatcher_.until_room();
        co_await std::move(room);
        const auto recovered = co_await recover();
        has_failed = !recovered;
        courier_.notify();
    }
    daemon_log.info("The outbox has been recovered");
}

void CommandRecovery::note_lost(const delivery::Recovery& part) {
    for (const auto& problem : part.problems) {
        daemon_log.with_event(event::kRowSetAside)
            .error("A row of the outbox was set aside", {{"command_sync_id", problem.id}, {"reason", problem.what}});
    }
    for (const auto& receipt : part.interrupted) {
        daemon_log.with_event(event::kInterrupted)
            .warn("A command was interrupted when the daemon stopped; its effect is unknown",
                  {{"command_sync_id", receipt.id}});
        note_interrupted(receipt);
    }
}

void CommandRecovery::note_interrupted(const Receipt& receipt) {
    CommandMessage message;
    if (auto kept = command_of(receipt)) message = std::move(kept->message);
    message.command_sync_id = receipt.id;
    dispatcher_.note_interrupted(message, clock_.now() - (outbox_.now() - receipt.received_at));
}

Task<> CommandRecovery::take_up(std::vector<delivery::RecoveredCommand> commands, TimePoint as_of) {
    for (const auto& command : commands) {
        auto kept = command_of(command.receipt);
        if (kept) {
            // What was suspended is no program any more, whoever still holds that.
            const auto runs_since = command.suspended_for ? std::nullopt : descriptors_.claim(command.receipt.id);
            commands::LeftCommand left{
                .message = std::move(kept->message),
                .refusal = std::move(kept->refusal),
                .received_at = as_of - command.waited,
                .has_run = command.starts > 0 || command.resumes > 0,
                .repeats = command.starts > 0,
                .resumes = command.resumes,
                .suspended_at = command.suspended_for ? std::optional(as_of - *command.suspended_for) : std::nullopt,
                .awaits_reboot = command.awaits_reboot,
                .runs_since = runs_since,
                .settled = [&descriptors = descriptors_, id = command.receipt.id] { descriptors.drop(id); }};
            auto taking_up = dispatcher_.recover(std::move(left));
            co_await std::move(taking_up);
            continue;
        }
        daemon_log.error("A command of the outbox cannot be read; it is reported as interrupted",
                         {{"command_sync_id", command.receipt.id}, {"reason", kept.error().message}});
        auto lost = make_interrupted_outcome(command.receipt);
        static_cast<void>(
            co_await outbox_.finished(command.receipt.id, Outcome::interrupted, std::move(lost), delivery::Lease::no));
        note_interrupted(command.receipt);
    }
}

// What systemd held for commands that the outbox knows to have ended, or does not know.
void CommandRecovery::drop_unclaimed() {
    const int dropped = descriptors_.drop_unclaimed();
    if (dropped == 0) return;
    daemon_log.warn("Programs from before the restart belong to no command that runs; they were ended",
                    {{"count", dropped}});
}

}  // namespace jiro::daemon
