// SPDX-License-Identifier: MIT
// The arrival of a command: asking the journal, and what follows from its answer.

#include <boost/system/system_error.hpp>
#include <exception>

#include "commands/dispatcher_state.hpp"
#include "commands/log.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

Completion refusal(std::string message) { return {Outcome::rejected, std::move(message), false}; }

constexpr std::string_view kConflict = "another command has the same commandSyncId; this one was not run";

}  // namespace

Task<ReceivedCommand> Dispatcher::State::known_already(PendingPtr command, Fingerprint content) {
    if (command->fingerprint == content) {
        observer.rejected(Rejection::duplicate);
        commands_log.info("Command is already waiting or running; the repetition is ignored",
                          {{"command_sync_id", command->message.command_sync_id}});
        co_return ReceivedCommand(ReceivedCommand::Kind::duplicate, std::move(command));
    }
    observer.rejected(Rejection::conflicting_content);
    commands_log.warn("Another command came under the commandSyncId of a known one; it is not run",
                      {{"command_sync_id", command->message.command_sync_id}});
    co_return ReceivedCommand(ReceivedCommand::Kind::refused, refusal(std::string(kConflict)));
}

Dispatcher::State::Arrival::~Arrival() {
    if (!command_ || state_->abandoned) return;
    state_->forget(command_, {Outcome::interrupted, "the receipt was dropped", true});
    state_->start_waiting();
}

Task<ReceivedCommand> Dispatcher::State::admit(Arrival arrival, std::optional<CommandResult> unfit, bool idempotent,
                                               Duration limit) {
    const auto command = arrival.begin();
    const auto self = shared_from_this();
    AdmissionResult answer;
    std::exception_ptr failure;
    try {
        const FirstState state = command->holds_slot ? FirstState::running : FirstState::received;
        Receipt receipt{.id = command->message.command_sync_id,
                        .fingerprint = command->fingerprint,
                        .payload = to_json(command->message),
                        .idempotent = idempotent};
        answer = co_await sink.received(std::move(receipt), limit, state);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        // Cancelled at the daemon's stop: the journal may or may not have it; a restart will see.
        if (!abandoned) {
            forget(command, {Outcome::interrupted, "the receipt was cancelled", true});
            start_waiting();
        }
        std::rethrow_exception(failure);
    }
    if (answer.admission != Admission::accepted) co_return not_admitted(command, answer);
    observer.received(command->message.command_sync_id);
    commands_log.debug("Command is in the journal", {{"command_sync_id", command->message.command_sync_id},
                                                     {"session_id", command->message.session_id}});
    if (unfit) {
        refuse(command, std::move(*unfit));
        // The message is in memory until then: whoever brings more of them waits, as for the journal.
        static_cast<void>(co_await command->completed());
    } else if (command->holds_slot) {
        command->is_marked_running = true;
        start_kept();
    } else {
        enter_queue(command);
    }
    co_return ReceivedCommand(ReceivedCommand::Kind::accepted, command);
}

// Not a coroutine: whoever waits for the receipt may have been cancelled, and a refused command gets its result all the
// same.
ReceivedCommand Dispatcher::State::not_admitted(PendingPtr command, const AdmissionResult& answer) {
    const std::string id = command->message.command_sync_id;
    ReceivedCommand::Kind kind = ReceivedCommand::Kind::refused;
    Completion completion;
    switch (answer.admission) {
        case Admission::accepted:
            break;  // not here
        case Admission::already_in_progress:
            kind = ReceivedCommand::Kind::duplicate;
            completion = {Outcome::interrupted, "already in the journal", true};
            observer.rejected(Rejection::duplicate);
            commands_log.info("Command is already in the journal; the repetition is ignored",
                              {{"command_sync_id", id}});
            break;
        case Admission::already_settled:
            sink.send_again();
            [[fallthrough]];
        case Admission::already_forgotten:
            kind = ReceivedCommand::Kind::duplicate;
            completion = {Outcome::succeeded, "ended before; its outcome is being sent again", false};
            observer.rejected(Rejection::duplicate);
            commands_log.info("Command ended before; its outcome is sent again", {{"command_sync_id", id}});
            break;
        case Admission::conflicting_content:
            completion = refusal(std::string(kConflict));
            observer.rejected(Rejection::conflicting_content);
            commands_log.warn("Another command came under the commandSyncId of a known one; it is not run",
                              {{"command_sync_id", id}});
            break;
        case Admission::refused: {
            const auto reason = answer.reason ? answer.reason->message : "the journal cannot store it";
            completion = refusal("not taken: " + reason);
            observer.rejected(Rejection::storage);
            commands_log.error("The journal cannot take a command; it is refused",
                               {{"command_sync_id", id}, {"reason", reason}});
            break;
        }
    }
    FinishedCommand unstored{command->message, command->name, CommandResult::rejected(completion.message)};
    leave_out_much(unstored.message);
    ReceivedCommand received(kind, completion);
    forget(command, std::move(completion));  // its phase is still `journalling`: it was never counted as received
    start_waiting();
    if (answer.admission == Admission::refused) {
        group.spawn(executor, sink.answer_unstored(std::move(unstored)));
    }
    return received;
}

}  // namespace jiro::commands
