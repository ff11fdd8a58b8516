// SPDX-License-Identifier: MIT
#include "commands/dispatcher_state.hpp"

#include <algorithm>
#include <exception>

#include "commands/command_scope.hpp"
#include "commands/log.hpp"
#include "commands/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kCompletionBytes = 4096;
constexpr std::size_t kRefusedBytes = 16 * 1024;
// Of the messages of commands that wait: they are kept in memory until they run.
constexpr std::size_t kMaxWaitingBytes = 32 * 1024 * 1024;
constexpr std::size_t kSlack = 64;  // settled commands that a queue may hold before it is swept

using Phase = PendingCommand::Phase;

bool is_over(const PendingPtr& command) { return command->phase == Phase::refused || command->phase == Phase::settled; }

std::string what_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown exception";
    }
}

Task<> run_in_scope(std::shared_ptr<Dispatcher::State> state, PendingPtr command) {
    CommandScope scope(std::move(state), std::move(command));
    co_await scope.run();
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
        with_text || result.outcome == Outcome::rejected ? escaped(result.message(), 200) : std::string();
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

void leave_out_much(CommandMessage& message) {
    if (size_of(message) > kRefusedBytes) message.parameters.clear();
}

Dispatcher::State::State(boost::asio::any_io_executor on, Clock& time, RandomSource& randomness,
                         boost::asio::thread_pool& pool, ResultSink& journal, CommandObserver& counters,
                         Settings options, std::shared_ptr<const CommandRegistry> commands)
    : executor(std::move(on)),
      clock(time),
      random(randomness),
      workers(pool),
      sink(journal),
      observer(counters),
      settings(std::move(options)),
      registry(std::move(commands)),
      place_is_free(executor),
      stop_requested(executor, boost::asio::steady_timer::time_point::max()),
      no_slot_is_kept(executor, boost::asio::steady_timer::time_point::max()),
      group([](const std::exception_ptr& exception) {
          commands_log.error("The run of a command broke", {{"reason", what_of(exception)}});
      }) {}

PendingPtr Dispatcher::State::add(CommandMessage message, Fingerprint content) {
    if (message.session_id.empty()) message.session_id = random.uuid();
    auto command = std::make_shared<PendingCommand>(std::move(message), content, clock.now(), next_sequence++);
    by_id.emplace(command->message.command_sync_id, command);
    return command;
}

void Dispatcher::State::take_place(const PendingPtr& command) {
    command->holds_place = true;
    ++waiting;
    waiting_bytes += command->bytes;
    queue.push_back(command);
}

void Dispatcher::State::give_up_place(PendingCommand& command) {
    if (!std::exchange(command.holds_place, false)) return;
    --waiting;
    waiting_bytes -= command.bytes;
    place_is_free.notify();
    // A hub that sends and cancels while nothing can start must not make the queue grow.
    if (queue.size() > 2 * waiting + kSlack) std::erase_if(queue, is_over);
}

bool Dispatcher::State::has_room() const {
    if (stopping) return false;
    return waiting == 0 ||
           (waiting < static_cast<std::size_t>(settings.max_queued) && waiting_bytes < kMaxWaitingBytes);
}

std::optional<CommandResult> Dispatcher::State::reason_to_refuse(const PendingCommand& command,
                                                                 const Result<Resolution>& resolution,
                                                                 const std::optional<Error>& problem) const {
    if (problem) return CommandResult::rejected(problem->message);
    const auto& wanted = command.message.instance_id;
    if (!settings.instance_id.empty() && !wanted.empty() && !equal_ignoring_case(wanted, settings.instance_id)) {
        return CommandResult::rejected("this is not the instance \"" + escaped(wanted) + '"');
    }
    if (!resolution) return CommandResult::rejected(resolution.error().message);
    if (are_older_in_journal) return CommandResult::rejected("busy: older commands wait in the journal for their turn");
    const int free_slots = std::max(0, settings.max_concurrent - running);
    if (waiting >= static_cast<std::size_t>(settings.max_queued + free_slots)) {
        return CommandResult::rejected("busy: " + std::to_string(running) + " commands run and " +
                                       std::to_string(waiting) + " wait");
    }
    if (waiting > 0 && waiting_bytes + command.bytes > kMaxWaitingBytes) {
        return CommandResult::rejected("busy: " + std::to_string(waiting) + " commands wait, with " +
                                       std::to_string(waiting_bytes) + " bytes; together they may have " +
                                       std::to_string(kMaxWaitingBytes));
    }
    return std::nullopt;
}

bool Dispatcher::State::can_start_at_once(const CommandDescription& description) const {
    if (!started || stopping || !queue.empty() || running >= settings.max_concurrent) return false;
    const auto lane = lanes.find(description.name);
    if (lane == lanes.end() || description.max_concurrent <= 0) return true;
    return lane->second.parked.empty() && lane->second.running < description.max_concurrent;
}

void Dispatcher::State::take_slot(const PendingPtr& command) {
    command->holds_slot = true;
    kept.push_back(command);
    ++running;
    ++lanes[command->name].running;
}

// The command will not run after all.
void Dispatcher::State::give_up_slot(PendingCommand& command) {
    if (!std::exchange(command.holds_slot, false)) return;
    slot_freed(command.name);
    start_kept();
}

Task<> Dispatcher::State::until_no_slot_is_kept() {
    const auto self = shared_from_this();
    while (!kept.empty()) {
        const auto [error] = co_await no_slot_is_kept.async_wait(kNoThrow);
        static_cast<void>(error);  // woken, or cancelled: then the next await throws
    }
}

void Dispatcher::State::enter_queue(const PendingPtr& command) {
    command->phase = Phase::waiting;
    if (command->cancel_reason) {
        refuse(command, CommandResult::cancelled(std::string(to_string(*command->cancel_reason))));
    } else if (!stopping) {
        start_waiting();
    } else if (sink.durable()) {
        defer(command);
    } else {
        refuse(command, CommandResult::cancelled(std::string(to_string(CancelReason::shutting_down))));
    }
}

void Dispatcher::State::start_waiting() {
    if (std::exchange(starting, true)) return;
    while (started && !stopping && kept.empty() && running < settings.max_concurrent && !queue.empty()) {
        if (queue.front()->phase == Phase::journalling) break;  // keeps the order of arrival
        const auto command = std::move(queue.front());
        queue.pop_front();
        if (!is_over(command)) start(command);
    }
    starting = false;
}

void Dispatcher::State::start(PendingPtr command) {
    auto resolution = resolve(command->message.command, settings, *registry);
    if (!resolution) return refuse(command, CommandResult::rejected(resolution.error().message));  // after a reload
    const auto& description = resolution->handler->description();
    command->name = description.name;
    Lane& lane = lanes[description.name];
    if (description.max_concurrent > 0 && lane.running >= description.max_concurrent) {
        if (lane.parked.size() > 2 * waiting + kSlack) std::erase_if(lane.parked, is_over);
        lane.parked.push_back(std::move(command));
        return;
    }
    give_up_place(*command);
    ++lane.running;
    ++running;
    command->resolution = std::move(*resolution);
    command->resolved_with = registry;
    run_in_slot(std::move(command));
}

// Committed as running, a command counts as started: it runs also when a stop or a reload came meanwhile.
void Dispatcher::State::start_kept() {
    while (!kept.empty() && (kept.front()->is_marked_running || !kept.front()->holds_slot)) {
        const auto command = std::move(kept.front());
        kept.pop_front();
        if (!std::exchange(command->holds_slot, false)) continue;  // it will not run
        if (command->cancel_reason) {
            slot_freed(command->name);
            refuse(command, CommandResult::cancelled(std::string(to_string(*command->cancel_reason))));
        } else {
            run_in_slot(command);
        }
    }
    if (!kept.empty()) return;
    no_slot_is_kept.cancel();
    start_waiting();
}

void Dispatcher::State::run_in_slot(PendingPtr command) {
    command->phase = Phase::running;
    command->started_at = clock.now();
    observer.started(command->message.command_sync_id, command->name);
    group.spawn(executor, run_in_scope(shared_from_this(), std::move(command)));
}

void Dispatcher::State::slot_freed(const std::string& name) {
    --running;
    Lane& lane = lanes[name];
    --lane.running;
    while (!lane.parked.empty()) {
        const auto next = std::move(lane.parked.front());
        lane.parked.pop_front();
        if (is_over(next)) continue;
        queue.push_front(next);
        break;
    }
    start_waiting();
}

void Dispatcher::State::refuse(const PendingPtr& command, CommandResult result) {
    give_up_place(*command);
    command->phase = Phase::refused;
    group.spawn(executor, settle(command, std::move(result)));
}

Task<> Dispatcher::State::settle(PendingPtr command, CommandResult result) {
    const auto self = shared_from_this();
    const bool ran = command->phase == Phase::running;
    const TimePoint now = clock.now();
    const Duration queue_time = (ran ? command->started_at : now) - command->received_at;
    const Duration run_time = ran ? now - command->started_at : Duration::zero();
    if (command->name.empty()) command->name = command_name(command->message);
    Completion completion{result.outcome, std::string(utf8_head(result.message(), kCompletionBytes))};
    log_finished(*command, result, queue_time, run_time, settings.command_text);

    const Outcome outcome = result.outcome;
    CommandMessage message = std::move(command->message);
    command->message.command_sync_id = message.command_sync_id;  // all that is needed of it from here on
    if (outcome == Outcome::rejected) leave_out_much(message);
    FinishedCommand finished{std::move(message), command->name, std::move(result), queue_time, run_time};
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
    const Stage stage = !ran ? Stage::queued : command->detached ? Stage::detached : Stage::active;
    observer.finished({command->message.command_sync_id, command->name, stage, outcome, queue_time, run_time});
    by_id.erase(command->message.command_sync_id);
    command->complete(std::move(completion));
}

void Dispatcher::State::defer(const PendingPtr& command) {
    give_up_place(*command);
    by_id.erase(command->message.command_sync_id);
    commands_log.info("Command waits in the journal for the next start",
                      {{"command_sync_id", command->message.command_sync_id}});
    observer.deferred(command->message.command_sync_id);
    command->complete({Outcome::interrupted, "waits in the journal for the next start", true});
}

// A coroutine was destroyed before its command was settled: counted, and whoever waits is told.
void Dispatcher::State::forget(const PendingPtr& command, Completion completion) {
    give_up_place(*command);
    give_up_slot(*command);
    by_id.erase(command->message.command_sync_id);
    if (command->phase != Phase::journalling) {
        const Stage stage = command->phase != Phase::running ? Stage::queued
                            : command->detached              ? Stage::detached
                                                             : Stage::active;
        observer.finished({command->message.command_sync_id, command->name, stage, completion.outcome, {}, {}});
    }
    command->complete(std::move(completion));
}

void Dispatcher::State::cancel(const PendingPtr& command, CancelReason reason) {
    command->request_cancel(reason);
    if (command->phase != Phase::waiting) return;
    refuse(command, CommandResult::cancelled(std::string(to_string(reason))));
}

std::vector<PendingPtr> Dispatcher::State::all_in_order() const {
    std::vector<PendingPtr> commands;
    commands.reserve(by_id.size());
    for (const auto& [id, command] : by_id) commands.push_back(command);
    std::ranges::sort(commands, {}, &PendingCommand::sequence);
    return commands;
}

}  // namespace jiro::commands
