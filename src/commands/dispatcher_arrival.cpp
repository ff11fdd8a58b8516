// SPDX-License-Identifier: MIT
// From a message to its place in the order and in the journal.
#include "commands/dispatcher_state.hpp"
#include "commands/exec/running_program.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kRejectedBytes = 16 * 1024;
constexpr std::string_view kConflictLine = "Another command came under the commandSyncId of a known one; it is not run";
constexpr std::string_view kConflict = "another command has the same commandSyncId; this one was not run";

Completion rejection(std::string message) { return {Outcome::rejected, std::move(message), false}; }

Completion ended_before(const AdmissionResult& answer) {
    Completion completion{answer.outcome, "it ended before"};
    if (answer.outcome) completion.message.append(" (").append(to_string(*answer.outcome)).append(")");
    completion.forgotten = answer.admission == Admission::already_forgotten;
    completion.message += completion.forgotten ? "; its outcome is kept no more, so it is not sent again"
                                               : "; its outcome is being sent again";
    return completion;
}

}  // namespace

void drop_large_parameters(CommandMessage& message) {
    if (size_of(message) > kRejectedBytes) message.parameters.clear();
}

// Not a coroutine: the command takes its place now, the returned task only waits for the journal.
Task<ReceivedCommand> Dispatcher::receive(CommandMessage&& message, std::optional<Error> problem) {
    const Fingerprint content = fingerprint(message);
    const auto known = state_->by_id.find(message.command_sync_id);
    if (known != state_->by_id.end()) {
        if (known->second->fingerprint != content) state_->observer.ended({.message = message});
        return state_->known_already(known->second, content);
    }

    const auto command = state_->add(std::move(message), content);
    auto resolution = resolve(command->message.command, state_->settings, *state_->registry);
    auto why_rejected = state_->why_rejected(*command, resolution, problem);
    if (!why_rejected) why_rejected = state_->why_not_trusted(*command, *resolution);
    if (log::Logger::enabled(log::Level::info)) {
        const auto& text = command->message.command;
        commands_log.info("Command received",
                          {{"command_sync_id", command->message.command_sync_id},
                           {"session_id", command->message.session_id},
                           {"text", state_->settings.command_text ? std::string_view(text) : std::string_view()},
                           {"text_bytes", text.size()},
                           {"signed_by", command->signed_by},
                           {"trace_id", command->message.trace.trace_id()}});
    }
    bool idempotent = false;
    if (resolution) {
        const auto& description = resolution->handler->description();
        command->dispatch_as(description);
        idempotent = description.idempotent;
        if (!why_rejected) why_rejected = state_->take_place(command, *resolution);
    }
    return state_->admit(State::Guard(state_, command), std::move(why_rejected), idempotent);
}

Task<> Dispatcher::recover(LeftCommand left) {
    const auto state = state_;
    // The hub may have sent it again, and the journal, which is being asked about that copy, says that it has it.
    for (auto copy = state->by_id.find(left.message.command_sync_id); copy != state->by_id.end();
         copy = state->by_id.find(left.message.command_sync_id)) {
        const auto command = copy->second;
        if (command->phase != Phase::journalling) co_return;
        static_cast<void>(co_await command->completed());
    }
    const Fingerprint content = fingerprint(left.message);
    const auto command = state->add(std::move(left.message), content);
    command->arrived_at = left.received_at;
    command->has_run = left.has_run || left.runs_since;
    command->repeats = left.repeats;
    // The limit is of its waiting: what had begun waits anew for its next run.
    if (!command->has_run || left.runs_since) command->received_at = left.received_at;
    command->signed_by = state->signer_of(command->message, left.received_at);
    state->observer.received(command->message.command_sync_id);

    auto resolution = resolve(command->message.command, state->settings, *state->registry);
    if (resolution) command->dispatch_as(resolution->handler->description());
    commands_log.info("Command from before the restart is taken up",
                      {{"command_sync_id", command->message.command_sync_id},
                       {"waited_ms", to_milliseconds(state->clock.now() - command->received_at)},
                       {"resumes", left.resumes}});
    if (left.refusal) {
        state->refuse(command, CommandResult::rejected(std::move(*left.refusal)));
        static_cast<void>(co_await command->completed());
        co_return;
    }
    if (left.runs_since) co_return state->take_back(command, left, std::move(resolution));
    State::TakenUp taken_up = state->resume(command, left, resolution);
    if (taken_up == State::TakenUp::lines_up && state->is_late(*command)) {
        state->refuse_late(command);
        taken_up = State::TakenUp::refused;
    }
    if (taken_up == State::TakenUp::refused) {
        static_cast<void>(co_await command->completed());  // so much of them is in memory at a time
    } else if (taken_up == State::TakenUp::lines_up) {
        state->queue.enqueue(command);
        state->on_journalled(command);
    }
}

void Dispatcher::note_interrupted(const CommandMessage& message, TimePoint received_at) const {
    const std::string signer = state_->signer_of(message, received_at);
    AuditedCommand audited{.message = message,
                           .signed_by = signer,
                           .user = kUnknownUser,
                           .outcome = Outcome::interrupted,
                           .received_ago = state_->clock.now() - received_at};
    const auto resolution = resolve(message.command, state_->settings, *state_->registry);
    if (resolution) audited.name = resolution->handler->description().name;
    state_->observer.ended(audited);
}

// Of what an earlier process took, whatever becomes of it now: looks at the signature as of then, and refuses nothing.
std::string Dispatcher::State::signer_of(const CommandMessage& message, TimePoint received_at) {
    auto signer = check_signature(message, settings, false, wall_time_of(received_at));
    return signer ? std::move(*signer).value_or("") : "";
}

WallTime Dispatcher::State::wall_time_of(TimePoint moment) {
    return latest_time.now() - std::chrono::duration_cast<WallTime::duration>(clock.now() - moment);
}

PendingPtr Dispatcher::State::add(CommandMessage&& message, Fingerprint content) {
    if (message.session_id.empty()) message.session_id = random.uuid();
    auto command = std::make_shared<PendingCommand>(std::move(message), content, clock.now(), next_sequence++);
    by_id.emplace(command->message.command_sync_id, command);
    return command;
}

Task<ReceivedCommand> Dispatcher::State::known_already(PendingPtr command, Fingerprint content) {
    const auto& id = command->message.command_sync_id;
    if (command->fingerprint == content) {
        count_rejected(id, Rejection::duplicate, "Command is already waiting or running; the repetition is ignored");
        co_return ReceivedCommand(ReceivedCommand::Kind::duplicate, std::move(command));
    }
    count_rejected(id, Rejection::conflicting_content, kConflictLine);
    co_return ReceivedCommand(ReceivedCommand::Kind::refused, rejection(std::string(kConflict)));
}

void Dispatcher::State::count_rejected(const std::string& id, Rejection why, std::string_view sentence) {
    observer.rejected(why);
    const auto write = why == Rejection::duplicate ? &log::Logger::info : &log::Logger::warn;
    (commands_log.*write)(sentence, {{"command_sync_id", id}});
}

std::optional<Error> Dispatcher::State::why_rejected(const PendingCommand& command,
                                                     const Result<Resolution>& resolution,
                                                     const std::optional<Error>& problem) const {
    if (problem) return problem;
    const auto& wanted = command.message.instance_id;
    if (!settings.instance_id.empty() && !wanted.empty() && !equal_ignoring_case(wanted, settings.instance_id)) {
        return Error(errc::other_instance, "this is not the instance \"" + excerpt(wanted) + '"');
    }
    if (!resolution) return resolution.error();
    return std::nullopt;
}

// A slot when one is free, else a place in the queue. Gives why it gets neither.
std::optional<Error> Dispatcher::State::take_place(const PendingPtr& command, Resolution& resolution) {
    const auto& description = resolution.handler->description();
    const bool may_start = started && !stopping;
    const bool is_control = may_start && description.control && queue.reserve_control(*command);
    const auto closed = is_control ? std::nullopt : gate_closed();
    if (!is_control) {
        if (closed && closed->refuses) return Error(errc::gate_closed, closed->why);
        if (are_older_in_journal) return Error(errc::busy, "busy: older commands wait in the journal for their turn");
        if (auto busy = queue.busy(*command)) return Error(errc::busy, std::move(*busy));
    }
    if (is_control || (may_start && !closed && queue.reserve(command, description))) {
        command->resolution = std::move(resolution);
        command->resolved_with = registry;
    } else {
        queue.enqueue(command);
    }
    return std::nullopt;
}

// When it arrives, and again when it starts after it has waited: its time may be over then, or other keys trusted.
std::optional<Error> Dispatcher::State::why_not_trusted(PendingCommand& command, const Resolution& resolution) {
    if (command.is_tool()) return std::nullopt;  // whoever calls it answers for it
    const bool runs_program = !resolution.handler->description().runs.empty();
    // One that runs again began in time.
    const WallTime as_of = wall_time_of(command.has_run ? command.arrived_at : clock.now());
    auto signer = check_signature(command.message, settings, runs_program, as_of);
    if (!signer) return signer.error();
    command.signed_by = std::move(*signer).value_or("");
    return std::nullopt;
}

Task<ReceivedCommand> Dispatcher::State::admit(Guard arrival, std::optional<Error> why_rejected, bool idempotent) {
    // Cancelled at the daemon's stop while the journal is asked: it may have the command; a restart will see.
    Guard guard = std::move(arrival);
    const auto command = guard.command();
    const bool is_reserved = command->place == Place::reserved || command->place == Place::control_reserved;
    Receipt receipt{.id = command->message.command_sync_id,
                    .fingerprint = command->fingerprint,
                    .payload = to_payload(command->message, why_rejected),
                    .idempotent = idempotent,
                    .is_signed = !command->signed_by.empty()};
    const FirstState state = is_reserved ? FirstState::running : FirstState::received;
    auto receiving = sink.received(std::move(receipt), settings.max_wait, state);
    const AdmissionResult answer = co_await std::move(receiving);
    guard.release();
    if (answer.admission != Admission::accepted) co_return not_admitted(command, answer);

    observer.received(command->message.command_sync_id);
    commands_log.debug("Command is in the journal", {{"command_sync_id", command->message.command_sync_id},
                                                     {"session_id", command->message.session_id}});
    if (why_rejected) {
        refuse(command, CommandResult::rejected(std::move(*why_rejected)));
        // The message is in memory until then: whoever brings more of them waits, as for the journal.
        static_cast<void>(co_await command->completed());
    } else {
        command->is_marked_running = is_reserved;
        on_journalled(command);
    }
    co_return ReceivedCommand(ReceivedCommand::Kind::accepted, command);
}

// Not a coroutine: whoever waits for the answer may have been cancelled, and a refused command gets its result all the
// same.
ReceivedCommand Dispatcher::State::not_admitted(const PendingPtr& command, const AdmissionResult& answer) {
    const std::string id = command->message.command_sync_id;
    auto kind = ReceivedCommand::Kind::refused;
    Completion completion;
    switch (answer.admission) {
        case Admission::accepted:
            break;  // not here
        case Admission::already_in_progress:
            kind = ReceivedCommand::Kind::duplicate;
            completion = {Outcome::interrupted, "is already in the journal", true};
            count_rejected(id, Rejection::duplicate, "Command is already in the journal; the repetition is ignored");
            break;
        case Admission::already_settled:
            sink.send_again();
            [[fallthrough]];
        case Admission::already_forgotten:
            kind = ReceivedCommand::Kind::duplicate;
            completion = ended_before(answer);
            count_rejected(id, Rejection::duplicate,
                           completion.forgotten ? "Command ended before; its outcome is kept no more"
                                                : "Command ended before; its outcome is sent again");
            break;
        case Admission::conflicting_content:
            completion = rejection(std::string(kConflict));
            count_rejected(id, Rejection::conflicting_content, kConflictLine);
            break;
        case Admission::refused: {
            const auto reason = answer.reason ? answer.reason->message : "the journal cannot store it";
            completion = rejection("not taken: " + reason);
            observer.rejected(Rejection::storage);
            commands_log.error("The journal cannot take a command; it is refused",
                               {{"command_sync_id", id}, {"reason", reason}});
            break;
        }
    }
    if (kind == ReceivedCommand::Kind::refused) audit(*command, Outcome::rejected);
    FinishedCommand unstored{command->message, command->name, CommandResult::rejected(completion.message)};
    drop_large_parameters(unstored.message);
    ReceivedCommand received(kind, completion);
    forget(command, std::move(completion));  // its phase is still `journalling`: it was never counted as received
    if (answer.admission == Admission::refused) {
        group.spawn(executor, sink.answer_unstored(std::move(unstored)));
    }
    return received;
}

// It is in the journal. Committed as running, a reserved command counts as started: it runs also when a stop or a
// reload came meanwhile.
void Dispatcher::State::on_journalled(const PendingPtr& command) {
    command->phase = Phase::waiting;
    if (late_from(*command) < next_late) waits_longest.notify();
    if (command->cancel_reason) {
        refuse(command, cancelled_result(*command->cancel_reason));
    } else if (command->place == Place::control_reserved) {
        start_control(command);
    } else if (!stopping || command->place == Place::reserved) {
        start_next();
    } else if (is_durable(*command)) {
        defer(command);
    } else {
        refuse(command, cancelled_result(CancelReason::shutting_down));
    }
}

}  // namespace jiro::commands
