// SPDX-License-Identifier: MIT
#include "jiro/commands/dispatcher.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <unordered_map>

#include "commands/command_scope.hpp"
#include "commands/log.hpp"
#include "commands/run_queue.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/commands/errors.hpp"
#include "jiro/commands/signature.hpp"

namespace jiro::commands {

namespace {

using Phase = PendingCommand::Phase;
using Place = PendingCommand::Place;

constexpr std::size_t kCompletionBytes = 4096;
constexpr std::size_t kRejectedBytes = 16 * 1024;
constexpr std::string_view kConflictLine = "Another command came under the commandSyncId of a known one; it is not run";
constexpr std::string_view kConflict = "another command has the same commandSyncId; this one was not run";

Completion rejection(std::string message) { return {Outcome::rejected, std::move(message), false}; }

CommandResult cancelled(CancelReason reason) { return CommandResult::cancelled(std::string(to_string(reason))); }

Stage stage_of(const PendingCommand& command) {
    if (command.phase != Phase::running) return Stage::queued;
    return command.detached ? Stage::detached : Stage::active;
}

// A result repeats its command's parameters; that of a rejected command only when they are few, so that a flood of them
// does not fill memory and disk.
void drop_large_parameters(CommandMessage& message) {
    if (size_of(message) > kRejectedBytes) message.parameters.clear();
}

std::string what_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown exception";
    }
}

std::chrono::milliseconds milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

void log_finished(const PendingCommand& command, const CommandResult& result, Duration queue_time, Duration run_time,
                  bool with_text) {
    const bool notable = result.outcome == Outcome::timed_out || result.outcome == Outcome::rejected;
    if (!log::Logger::enabled(notable ? log::Level::warn : log::Level::info)) return;
    // An error's text says what went wrong but may quote what the command printed.
    const std::string detail =
        with_text || result.outcome == Outcome::rejected ? excerpt(result.message(), 200) : std::string();
    const auto write = notable ? &log::Logger::warn : &log::Logger::info;
    (commands_log.*write)("Command ended", {{"command_sync_id", command.message.command_sync_id},
                                            {"command", command.name},
                                            {"outcome", to_string(result.outcome)},
                                            {"queue_ms", milliseconds(queue_time)},
                                            {"duration_ms", milliseconds(run_time)},
                                            {"bytes", result.size_bytes()},
                                            {"detail", detail}});
}

}  // namespace

ReceivedCommand::ReceivedCommand(Kind kind, std::shared_ptr<PendingCommand> command)
    : kind_(kind), command_(std::move(command)) {}

ReceivedCommand::ReceivedCommand(Kind kind, Completion completion) : kind_(kind), completion_(std::move(completion)) {}

Task<Completion> ReceivedCommand::finished() const {
    // A copy of each, since this object may be a temporary of the caller.
    const auto command = command_;
    if (!command) co_return completion_;
    co_return co_await command->completed();
}

// What the commands' coroutines share with the dispatcher, and may outlive it with.
struct Dispatcher::State : std::enable_shared_from_this<Dispatcher::State> {
    State(Executor on, Clock& time, RandomSource& randomness, boost::asio::thread_pool& pool, ResultSink& journal,
          CommandObserver& counters, Settings options, std::shared_ptr<const CommandRegistry> commands)
        : executor(std::move(on)),
          clock(time),
          random(randomness),
          workers(pool),
          sink(journal),
          observer(counters),
          settings(std::move(options)),
          registry(std::move(commands)),
          queue(settings),
          latest_time(time),
          stop_requested(executor),
          changed(executor),
          group([](const std::exception_ptr& exception) {
              commands_log.error("The run of a command broke", {{"reason", what_of(exception)}});
          }) {}

    // Held by the coroutine that has a command in hand. Should that be dropped, the command still ends: it is counted,
    // its slot is free, and whoever waits for it is told.
    class Guard {
      public:
        Guard(std::shared_ptr<State> state, PendingPtr command)
            : state_(std::move(state)), command_(std::move(command)) {}
        Guard(Guard&&) noexcept = default;
        Guard& operator=(Guard&&) = delete;
        ~Guard() {
            if (command_ && !state_->abandoned) state_->on_dropped(command_);
        }
        [[nodiscard]] const PendingPtr& command() const noexcept { return command_; }
        void release() noexcept { command_ = nullptr; }

      private:
        std::shared_ptr<State> state_;
        PendingPtr command_;
    };

    // Arrival.
    PendingPtr add(CommandMessage message, Fingerprint content);
    [[nodiscard]] Task<ReceivedCommand> known_already(PendingPtr command, Fingerprint content);
    void count_rejected(const std::string& id, Rejection why, std::string_view sentence);
    [[nodiscard]] std::optional<std::string> why_rejected(const PendingCommand& command,
                                                          const Result<Resolution>& resolution,
                                                          const std::optional<Error>& problem) const;
    [[nodiscard]] std::optional<std::string> why_not_trusted(PendingCommand& command, const Resolution& resolution);
    [[nodiscard]] Task<ReceivedCommand> admit(Guard arrival, std::optional<std::string> why_rejected, bool idempotent,
                                              Duration limit);
    [[nodiscard]] ReceivedCommand not_admitted(const PendingPtr& command, const AdmissionResult& answer);
    void on_journalled(const PendingPtr& command);

    // Start. Re-entrant: a command may end while another is being started.
    void start_next();
    void start(const PendingPtr& command);
    [[nodiscard]] Task<> until_none_is_reserved();

    // End. Every accepted command comes through exactly one of these.
    [[nodiscard]] Task<> finish(Guard guard, std::optional<CommandResult> result);
    void refuse(const PendingPtr& command, CommandResult result);  // in the background
    void defer(const PendingPtr& command);
    void forget(const PendingPtr& command, Completion completion);
    void on_dropped(const PendingPtr& command);
    void leave(const PendingPtr& command);
    [[nodiscard]] FinishedCommand finished_command(PendingCommand& command, CommandResult result) const;

    void cancel(const PendingPtr& command, CancelReason reason);
    [[nodiscard]] std::vector<PendingPtr> all_in_order() const;

    Executor executor;
    Clock& clock;
    RandomSource& random;
    boost::asio::thread_pool& workers;
    ResultSink& sink;
    CommandObserver& observer;
    Settings settings;
    std::shared_ptr<const CommandRegistry> registry;

    std::unordered_map<std::string, PendingPtr> by_id;  // everything that has not ended
    RunQueue queue;
    LatestTime latest_time;
    std::uint64_t next_sequence = 0;
    bool started = false;
    bool stopping = false;
    bool starting = false;  // start_next is on the stack
    bool are_older_in_journal = false;
    bool abandoned = false;  // ~Dispatcher: sink and observer may be gone
    Event stop_requested;
    Event changed;  // the queue
    TaskGroup group;
};

Dispatcher::Dispatcher(Executor executor, Clock& clock, RandomSource& random, boost::asio::thread_pool& workers,
                       ResultSink& sink, CommandObserver& observer, Settings settings,
                       std::shared_ptr<const CommandRegistry> registry)
    : state_(std::make_shared<State>(std::move(executor), clock, random, workers, sink, observer, std::move(settings),
                                     std::move(registry))) {}

Dispatcher::~Dispatcher() { state_->abandoned = true; }

// Not a coroutine: the command takes its place now, the returned task only waits for the journal.
Task<ReceivedCommand> Dispatcher::receive(CommandMessage message, std::optional<Error> problem) {
    const Fingerprint content = fingerprint(message);
    const auto known = state_->by_id.find(message.command_sync_id);
    if (known != state_->by_id.end()) return state_->known_already(known->second, content);

    const auto command = state_->add(std::move(message), content);
    auto resolution = resolve(command->message.command, state_->settings, *state_->registry);
    auto why_rejected = state_->why_rejected(*command, resolution, problem);
    if (!why_rejected) why_rejected = state_->why_not_trusted(*command, *resolution);
    if (log::Logger::enabled(log::Level::info)) {
        const auto& text = command->message.command;
        commands_log.info("Command received", {{"command_sync_id", command->message.command_sync_id},
                                               {"session_id", command->message.session_id},
                                               {"text", state_->settings.command_text ? text : std::string()},
                                               {"text_bytes", text.size()},
                                               {"signed_by", command->signed_by}});
    }
    Duration limit = state_->settings.timeout;
    bool idempotent = false;
    if (resolution) {
        const auto& description = resolution->handler->description();
        command->name = description.name;
        limit = description.time_limit.value_or(state_->settings.timeout);
        idempotent = description.idempotent;
        const bool may_start = !why_rejected && state_->started && !state_->stopping;
        if (may_start && state_->queue.reserve(command, description)) {
            command->resolution = std::move(*resolution);
            command->resolved_with = state_->registry;
        } else if (!why_rejected) {
            state_->queue.enqueue(command);
        }
    }
    return state_->admit(State::Guard(state_, command), std::move(why_rejected), idempotent, limit);
}

Task<> Dispatcher::recover(CommandMessage message, Duration waited) {
    const auto state = state_;
    // The hub may have sent it again, and the journal, which is being asked about that copy, says that it has it.
    for (auto copy = state->by_id.find(message.command_sync_id); copy != state->by_id.end();
         copy = state->by_id.find(message.command_sync_id)) {
        const auto command = copy->second;
        if (command->phase != Phase::journalling) co_return;
        static_cast<void>(co_await command->completed());
    }
    const Fingerprint content = fingerprint(message);
    const auto command = state->add(std::move(message), content);
    state->observer.received(command->message.command_sync_id);

    const auto resolution = resolve(command->message.command, state->settings, *state->registry);
    if (resolution) command->name = resolution->handler->description().name;
    commands_log.info("Command from before the restart is taken up",
                      {{"command_sync_id", command->message.command_sync_id}, {"waited_ms", milliseconds(waited)}});
    state->queue.enqueue(command);
    state->on_journalled(command);
}

bool Dispatcher::has_room() const { return !state_->stopping && state_->queue.has_room(); }

Task<> Dispatcher::until_room() {
    const auto state = state_;
    while (state->stopping || !state->queue.has_room()) co_await state->changed.wait();
}

void Dispatcher::set_older_in_journal(bool are_there) { state_->are_older_in_journal = are_there; }

Task<> Dispatcher::run() {
    const auto state = state_;
    state->started = true;
    state->start_next();
    while (!state->stopping) co_await state->stop_requested.wait();
    co_await state->until_none_is_reserved();
    co_await state->group.wait();
}

void Dispatcher::request_stop() {
    if (std::exchange(state_->stopping, true)) return;
    state_->stop_requested.notify();
    for (const auto& command : state_->all_in_order()) {
        if (command->phase == Phase::waiting) state_->on_journalled(command);
    }
}

Task<bool> Dispatcher::drain(TimePoint deadline) {
    const auto state = state_;
    // What is being committed as running will run: it has begun.
    auto starting = state->until_none_is_reserved();
    const bool have_started = co_await with_timeout(state->clock, deadline - state->clock.now(), std::move(starting));
    if (!have_started) co_return false;
    co_return co_await state->group.wait_until(state->clock, deadline);
}

void Dispatcher::cancel_all(CancelReason reason) {
    for (const auto& command : state_->all_in_order()) state_->cancel(command, reason);
}

bool Dispatcher::cancel(const std::string& command_sync_id) {
    const auto found = state_->by_id.find(command_sync_id);
    if (found == state_->by_id.end()) return false;
    const auto command = found->second;
    commands_log.info("The hub cancels a command", {{"command_sync_id", command_sync_id}});
    state_->cancel(command, CancelReason::by_hub);
    return true;
}

void Dispatcher::connection_lost() {
    if (state_->settings.on_connection_lost == OnConnectionLost::cancel) {
        cancel_all(CancelReason::connection_lost);
        return;
    }
    for (const auto& command : state_->all_in_order()) {
        if (command->phase != Phase::running || std::exchange(command->detached, true)) continue;
        commands_log.info("Command goes on without the connection",
                          {{"command_sync_id", command->message.command_sync_id}});
        state_->observer.detached(command->message.command_sync_id);
    }
}

void Dispatcher::not_before(WallTime time) { state_->latest_time.not_before(time); }

void Dispatcher::reload(Settings settings, std::shared_ptr<const CommandRegistry> registry) {
    state_->settings = std::move(settings);
    state_->registry = std::move(registry);
    state_->queue.set_limits(state_->settings);
    state_->start_next();
}

std::shared_ptr<const CommandRegistry> Dispatcher::registry() const { return state_->registry; }

PendingPtr Dispatcher::State::add(CommandMessage message, Fingerprint content) {
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

std::optional<std::string> Dispatcher::State::why_rejected(const PendingCommand& command,
                                                           const Result<Resolution>& resolution,
                                                           const std::optional<Error>& problem) const {
    if (problem) return problem->message;
    const auto& wanted = command.message.instance_id;
    if (!settings.instance_id.empty() && !wanted.empty() && !equal_ignoring_case(wanted, settings.instance_id)) {
        return "this is not the instance \"" + excerpt(wanted) + '"';
    }
    if (!resolution) return resolution.error().message;
    if (are_older_in_journal) return "busy: older commands wait in the journal for their turn";
    return queue.busy(command);
}

// When it arrives, and again when it starts after it has waited: its time may be over then, or other keys trusted.
std::optional<std::string> Dispatcher::State::why_not_trusted(PendingCommand& command, const Resolution& resolution) {
    const bool runs_program = !resolution.handler->description().runs.empty();
    auto signer = check_signature(command.message, settings, runs_program, latest_time.now());
    if (!signer) return signer.error().message;
    command.signed_by = std::move(*signer).value_or("");
    return std::nullopt;
}

Task<ReceivedCommand> Dispatcher::State::admit(Guard arrival, std::optional<std::string> why_rejected, bool idempotent,
                                               Duration limit) {
    // Cancelled at the daemon's stop while the journal is asked: it may have the command; a restart will see.
    Guard guard = std::move(arrival);
    const auto command = guard.command();
    const bool is_reserved = command->place == Place::reserved;
    Receipt receipt{.id = command->message.command_sync_id,
                    .fingerprint = command->fingerprint,
                    .payload = to_json(command->message),
                    .idempotent = idempotent};
    const FirstState state = is_reserved ? FirstState::running : FirstState::received;
    auto receiving = sink.received(std::move(receipt), limit, state);
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
            completion = {Outcome::interrupted, "already in the journal", true};
            count_rejected(id, Rejection::duplicate, "Command is already in the journal; the repetition is ignored");
            break;
        case Admission::already_settled:
            sink.send_again();
            [[fallthrough]];
        case Admission::already_forgotten:
            kind = ReceivedCommand::Kind::duplicate;
            completion = {Outcome::succeeded, "ended before; its outcome is being sent again", false};
            count_rejected(id, Rejection::duplicate, "Command ended before; its outcome is sent again");
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
    if (command->cancel_reason) {
        refuse(command, cancelled(*command->cancel_reason));
    } else if (!stopping || command->place == Place::reserved) {
        start_next();
    } else if (sink.durable()) {
        defer(command);
    } else {
        refuse(command, cancelled(CancelReason::shutting_down));
    }
}

void Dispatcher::State::start_next() {
    if (std::exchange(starting, true)) return;
    for (;;) {
        auto command = queue.next_reserved();
        if (!command && started && !stopping) command = queue.next_queued();
        if (!command) break;
        start(command);
    }
    starting = false;
    changed.notify();
}

void Dispatcher::State::start(const PendingPtr& command) {
    if (command->place == Place::queued) {
        auto resolution = resolve(command->message.command, settings, *registry);
        if (!resolution) return refuse(command, CommandResult::rejected(resolution.error().message));  // after a reload
        if (auto why = why_not_trusted(*command, *resolution)) {
            return refuse(command, CommandResult::rejected(std::move(*why)));
        }
        const auto& description = resolution->handler->description();
        command->name = description.name;
        if (!queue.start(command, description.max_concurrent)) return;
        command->resolution = std::move(*resolution);
        command->resolved_with = registry;
    }
    command->phase = Phase::running;
    command->started_at = clock.now();
    observer.started(command->message.command_sync_id, command->name);
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
        command->message.session_id = scope.session_id();
        // The next command need not wait until this one's outcome is stored. Posted, so that the outcome is on its way
        // to the journal first.
        boost::asio::post(executor, [self = shared_from_this(), command] { self->leave(command); });
    }
    FinishedCommand finished = finished_command(*command, std::move(*result));
    Completion completion{finished.result.outcome, std::string(utf8_head(finished.result.message(), kCompletionBytes))};
    const Duration queue_time = finished.queue_time;
    const Duration run_time = finished.run_time;
    std::string problem;
    try {
        const auto stored = co_await sink.finished(std::move(finished));
        if (!stored) problem = stored.error().message;
    } catch (const std::exception& error) {
        problem = error.what();
    }
    if (abandoned) co_return;
    if (!problem.empty()) {
        commands_log.error("The journal did not take a command's outcome; it is kept in memory",
                           {{"command_sync_id", command->message.command_sync_id}, {"reason", problem}});
    }
    observer.finished({command->message.command_sync_id, command->name, stage_of(*command), completion.outcome,
                       queue_time, run_time});
    by_id.erase(command->message.command_sync_id);
    command->complete(std::move(completion));
}

// Takes the message out of `command`, but for its id.
FinishedCommand Dispatcher::State::finished_command(PendingCommand& command, CommandResult result) const {
    const bool ran = command.phase == Phase::running;
    const TimePoint now = clock.now();
    const Duration queue_time = (ran ? command.started_at : now) - command.received_at;
    const Duration run_time = ran ? now - command.started_at : Duration::zero();
    if (command.name.empty()) command.name = command_name(command.message);
    log_finished(command, result, queue_time, run_time, settings.command_text);
    CommandMessage message = std::move(command.message);
    command.message.command_sync_id = message.command_sync_id;
    if (result.outcome == Outcome::rejected) drop_large_parameters(message);
    return {std::move(message), command.name, std::move(result), queue_time, run_time};
}

void Dispatcher::State::refuse(const PendingPtr& command, CommandResult result) {
    command->phase = Phase::refused;
    queue.leave(*command);
    group.spawn(executor, finish(Guard(shared_from_this(), command), std::move(result)));
    start_next();
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
        observer.finished(
            {command->message.command_sync_id, command->name, stage_of(*command), completion.outcome, {}, {}});
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
    if (command->phase == Phase::waiting) refuse(command, cancelled(reason));
}

std::vector<PendingPtr> Dispatcher::State::all_in_order() const {
    std::vector<PendingPtr> commands;
    commands.reserve(by_id.size());
    for (const auto& [id, command] : by_id) commands.push_back(command);
    std::ranges::sort(commands, {}, &PendingCommand::sequence);
    return commands;
}

}  // namespace jiro::commands
