// SPDX-License-Identifier: MIT
// A command's start and its end.
#include <algorithm>
#include <boost/asio/post.hpp>

#include "commands/command_scope.hpp"
#include "commands/dispatcher_state.hpp"
#include "commands/exec/run_output.hpp"
#include "commands/exec/running_program.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kCompletionBytes = 4096;  // kept in memory for whoever waits; what fits is the intake's

void log_finished(const FinishedCommand& finished, bool with_text) {
    const CommandResult& result = finished.result;
    const bool notable = result.outcome == Outcome::timed_out || result.outcome == Outcome::rejected;
    if (!log::Logger::enabled(notable ? log::Level::warn : log::Level::info)) return;
    // An error's text says what went wrong but may quote what the command printed.
    // And that of a rejected one quotes what the hub sent.
    std::string detail = with_text ? excerpt(result.message(), 200) : std::string();
    if (!with_text && result.reason) detail = result.reason.message();
    const auto write = notable ? &log::Logger::warn : &log::Logger::info;
    (commands_log.*write)("Command ended", {{"command_sync_id", finished.message.command_sync_id},
                                            {"command", finished.command_name},
                                            {"outcome", to_string(result.outcome)},
                                            {"queue_ms", to_milliseconds(finished.queue_time)},
                                            {"duration_ms", to_milliseconds(finished.run_time)},
                                            {"bytes", result.size_bytes()},
                                            {"trace_id", finished.message.trace.trace_id()},
                                            {"detail", detail}});
}

}  // namespace

CommandResult cancelled_result(CancelReason reason) { return CommandResult::cancelled(std::string(to_string(reason))); }

std::string user_of(const PendingCommand& command) {
    if (command.output) return command.output->user;
    if (command.resolution && command.resolution->handler->description().runs.empty()) return own_user();
    return command.has_run ? std::string(kUnknownUser) : "";
}

void Dispatcher::State::start_next() {
    if (std::exchange(starting, true)) return;
    for (;;) {
        auto command = queue.next_reserved();
        const bool is_next_queued = !command && started && !stopping && queue.has_queued();
        const auto closed = is_next_queued ? gate_closed() : std::nullopt;
        if (is_next_queued) command = closed ? queue.next_tool() : queue.next_queued();
        if (!command) break;
        if (closed) {  // who calls it holds a slot: it is not to wait
            refuse(command, CommandResult::rejected(Error(errc::gate_closed, closed->why)));
        } else {
            start(command);
        }
    }
    starting = false;
    changed.notify();
}

void Dispatcher::State::start(const PendingPtr& command) {
    if (command->place == Place::queued) {
        auto resolution = resolution_of(*command);
        if (!resolution) return refuse(command, CommandResult::rejected(resolution.error()));  // after a reload
        if (auto why = why_not_trusted(*command, *resolution)) {
            return refuse(command, CommandResult::rejected(std::move(*why)));
        }
        const auto& description = resolution->handler->description();
        command->dispatch_as(description);
        // What the journal says of it is as old as its receipt.
        if (command->repeats && !description.idempotent) {
            return refuse(command, CommandResult::rejected(
                                       Error(errc::not_idempotent, "its definition does not allow that (Idempotent)")));
        }
        if (!queue.start(command, description.runs_at_a_time())) return;
        command->resolution = std::move(*resolution);
        command->resolved_with = registry;
    }
    spawn_run(command);
}

// No other command waits for it, nor it for any.
void Dispatcher::State::start_control(const PendingPtr& command) {
    queue.start_control(*command);
    spawn_run(command);
    changed.notify();
}

void Dispatcher::State::spawn_run(const PendingPtr& command) {
    command->phase = Phase::running;
    if (command->started_at == TimePoint()) command->started_at = clock.now();
    observer.started(command->message.command_sync_id, command->name);
    if (stopping) hand_over(command);  // its start was being committed
    group.spawn(executor, finish(Guard(shared_from_this(), command), std::nullopt));
}

Task<> Dispatcher::State::until_none_is_reserved() {
    const auto self = shared_from_this();
    while (queue.has_reserved()) co_await changed.wait();
}

// A command's own coroutine: runs it, unless `result` says that it never ran, and has its outcome stored.
Task<> Dispatcher::State::finish(Guard guard, std::optional<CommandResult> result) {
    const Guard held = std::move(guard);
    const auto command = held.command();
    if (!result) {
        CommandScope scope(command, settings, sink, clock, workers);
        result = co_await scope.run();
        // The next command need not wait until this one's outcome is stored. Posted, so that the outcome is on its way
        // to the journal first.
        boost::asio::post(executor, [self = shared_from_this(), command] { self->leave(command); });
        if (command->handover.is_done) co_return leave_running(command);
        if (command->suspension && !command->cancel_reason) {
            auto suspending = suspend(command);
            const auto why_not = co_await std::move(suspending);
            if (abandoned) co_return;
            if (!why_not) co_return settle_handover(*command);
            result = CommandResult::failed("it asked for the machine's restart, and cannot wait for it: " + *why_not);
        }
    }
    command->outcome = result->outcome;
    audit(*command, result->outcome);
    FinishedCommand finished = finished_command(*command, std::move(*result));
    Completion completion{finished.result.outcome, std::string(utf8_head(finished.result.message(), kCompletionBytes))};
    completion.note = finished.result.note;
    const Duration queue_time = finished.queue_time;
    const Duration run_time = finished.run_time;
    auto storing = store(*command, finished);
    const std::string problem = co_await std::move(storing);
    if (abandoned) co_return;
    if (problem.empty()) settle_handover(*command);
    if (!problem.empty()) {
        commands_log.error("The journal did not take a command's outcome; it is kept in memory",
                           {{"command_sync_id", command->message.command_sync_id}, {"reason", problem}});
    }
    observer.finished({command->message.command_sync_id, *command->outcome, queue_time, run_time});
    remember(*command, queue_time, run_time);
    by_id.erase(command->message.command_sync_id);
    command->complete(std::move(completion));
}

Task<std::string> Dispatcher::State::store(const PendingCommand& command, FinishedCommand& finished) {
    if (command.is_tool()) {
        *command.answer = std::move(finished);
        co_return "";
    }
    try {
        const auto stored = co_await sink.finished(std::move(finished));
        co_return stored ? "" : stored.error().message;
    } catch (const std::exception& error) {
        co_return error.what();
    }
}

// Takes the message out of `command`, but for its id.
FinishedCommand Dispatcher::State::finished_command(PendingCommand& command, CommandResult&& result) const {
    const bool ran = command.started_at != TimePoint() && !command.resume_before;
    const TimePoint now = clock.now();
    const Duration queue_time = (ran ? command.started_at : now) - command.received_at;
    const Duration run_time = ran ? now - command.started_at : Duration::zero();
    // What is no command of this machine has no name here; the hub reads its own word in the result. With a prefix the
    // first word of a text that is no command may be anything, a private one, too.
    const bool is_named_by_hub = command.name.empty() && settings.prefix.empty();
    std::string name = is_named_by_hub ? command_name(command.message) : command.name;
    FinishedCommand finished{std::move(command.message), std::move(name), std::move(result), queue_time, run_time};
    log_finished(finished, settings.command_text);
    command.message.command_sync_id = finished.message.command_sync_id;
    if (finished.result.outcome == Outcome::rejected) drop_large_parameters(finished.message);
    return finished;
}

// Of one that ran in part before a restart nobody says that it did not.
void Dispatcher::State::refuse(const PendingPtr& command, CommandResult result) {
    if (command->has_run && (result.outcome == Outcome::rejected || result.outcome == Outcome::timed_out)) {
        result = CommandResult::interrupted(
            "interrupted: it had begun before the daemon's restart, its effect is unknown, and it does not run "
            "again: " +
            result.message());
    }
    command->phase = Phase::refused;
    queue.leave(*command);
    group.spawn(executor, finish(Guard(shared_from_this(), command), std::move(result)));
    start_next();
}

void Dispatcher::State::remember(PendingCommand& command, Duration queue_time, Duration run_time) {
    if (command.resolution && command.resolution->handler->description().control) return;
    ended.add({.id = command.message.command_sync_id,
               .name = command.name,
               .outcome = *command.outcome,
               .at = clock.now(),
               .queue_time = queue_time,
               .run_time = run_time,
               .delivery = command.is_tool() ? DeliveryState::delivered : DeliveryState::waiting,
               .output = std::move(command.output)});
}

void Dispatcher::State::audit(const PendingCommand& command, Outcome outcome) const {
    const TimePoint now = clock.now();
    AuditedCommand audited{.message = command.message,
                           .name = command.name,
                           .signed_by = command.signed_by,
                           .outcome = outcome,
                           .received_ago = now - command.arrived_at};
    const bool has_started = command.started_at != TimePoint();
    if (has_started) audited.started_ago = now - command.started_at;
    if (command.output) audited.exit_code = command.output->exit_code;
    const std::string user = has_started || command.has_run ? user_of(command) : "";
    audited.user = user;
    observer.ended(audited);
}

// Its slot, or its place in the queue, is free.
void Dispatcher::State::leave(const PendingPtr& command) {
    if (abandoned) return;
    queue.leave(*command);
    start_next();
}

void Dispatcher::State::defer(const PendingPtr& command) {
    queue.leave(*command);
    by_id.erase(command->message.command_sync_id);
    commands_log.info("Command waits in the journal for the next start",
                      {{"command_sync_id", command->message.command_sync_id}});
    observer.deferred(command->message.command_sync_id);
    command->complete({Outcome::interrupted, "waits in the journal for the next start", true});
}

// It ends without an outcome that the journal knows.
void Dispatcher::State::forget(const PendingPtr& command, Completion completion) {
    if (command->phase != Phase::journalling) {
        const auto outcome = completion.outcome.value_or(Outcome::failed);
        observer.finished({command->message.command_sync_id, outcome, {}, {}});
    }
    by_id.erase(command->message.command_sync_id);
    command->complete(std::move(completion));
    leave(command);
}

void Dispatcher::State::on_dropped(const PendingPtr& command) {
    if (command->phase == Phase::journalling) {
        forget(command, {Outcome::interrupted, "the receipt was dropped", true});
    } else if (command->phase == Phase::running) {
        forget(command, {Outcome::failed, "the command's run was dropped"});
    }
}

void Dispatcher::State::cancel(const PendingPtr& command, CancelReason reason) {
    command->request_cancel(reason);
    if (command->phase == Phase::waiting) refuse(command, cancelled_result(reason));
}

std::vector<PendingPtr> Dispatcher::State::all_in_order() const {
    std::vector<PendingPtr> commands;
    commands.reserve(by_id.size());
    for (const auto& [id, command] : by_id) commands.push_back(command);
    std::ranges::sort(commands, {}, &PendingCommand::sequence);
    return commands;
}

}  // namespace jiro::commands
