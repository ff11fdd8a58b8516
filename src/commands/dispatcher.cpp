// SPDX-License-Identifier: MIT
#include "jiro/commands/dispatcher.hpp"

#include <algorithm>

#include "commands/dispatcher_state.hpp"
#include "commands/log.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::commands {

using Phase = PendingCommand::Phase;

Dispatcher::Dispatcher(boost::asio::any_io_executor executor, Clock& clock, RandomSource& random,
                       boost::asio::thread_pool& workers, ResultSink& sink, CommandObserver& observer,
                       Settings settings, std::shared_ptr<const CommandRegistry> registry)
    : state_(std::make_shared<State>(std::move(executor), clock, random, workers, sink, observer, std::move(settings),
                                     std::move(registry))) {}

Dispatcher::~Dispatcher() { state_->abandoned = true; }

// Not a coroutine: the command takes its place now, the returned task only waits for the journal.
Task<ReceivedCommand> Dispatcher::receive(CommandMessage message, std::optional<Error> problem) {
    const Fingerprint content = fingerprint(message);
    const auto known = state_->by_id.find(message.command_sync_id);
    if (known != state_->by_id.end()) return state_->known_already(known->second, content);

    const auto command = state_->add(std::move(message), content);
    if (log::Logger::enabled(log::Level::info)) {
        const auto& text = command->message.command;
        commands_log.info("Command received", {{"command_sync_id", command->message.command_sync_id},
                                               {"session_id", command->message.session_id},
                                               {"text", state_->settings.command_text ? text : std::string()},
                                               {"text_bytes", text.size()}});
    }
    auto resolution = resolve(command->message.command, state_->settings, *state_->registry);
    auto unfit = state_->reason_to_refuse(*command, resolution, problem);
    const Duration general = state_->settings.timeout;
    if (!resolution) return state_->admit(State::Arrival(state_, command), std::move(unfit), false, general);

    const auto& description = resolution->handler->description();
    const Duration limit = description.time_limit.value_or(state_->settings.timeout);
    command->name = description.name;
    if (!unfit && state_->can_start_at_once(description)) {
        command->resolution = std::move(*resolution);
        command->resolved_with = state_->registry;
        state_->take_slot(command);
    } else if (!unfit) {
        state_->take_place(command);
    }
    return state_->admit(State::Arrival(state_, command), std::move(unfit), description.idempotent, limit);
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
    command->phase = Phase::waiting;
    state->observer.received(command->message.command_sync_id);

    const auto resolution = resolve(command->message.command, state->settings, *state->registry);
    if (resolution) command->name = resolution->handler->description().name;
    commands_log.info("Command from before the restart is taken up",
                      {{"command_sync_id", command->message.command_sync_id},
                       {"waited_ms", std::chrono::duration_cast<std::chrono::milliseconds>(waited)}});
    state->take_place(command);
    state->enter_queue(command);
}

bool Dispatcher::has_room() const { return state_->has_room(); }

Task<> Dispatcher::until_room() {
    const auto state = state_;
    while (!state->has_room()) co_await state->place_is_free.wait();
}

void Dispatcher::set_older_in_journal(bool are_there) { state_->are_older_in_journal = are_there; }

Task<> Dispatcher::run() {
    const auto state = state_;
    state->started = true;
    state->start_waiting();
    while (!state->stopping) {
        const auto [error] = co_await state->stop_requested.async_wait(kNoThrow);
        static_cast<void>(error);  // woken by request_stop, or cancelled: then the next await throws
    }
    co_await state->until_no_slot_is_kept();
    co_await state->group.wait();
}

void Dispatcher::request_stop() {
    if (std::exchange(state_->stopping, true)) return;
    state_->stop_requested.cancel();
    for (const auto& command : state_->all_in_order()) {
        if (command->phase == Phase::waiting) state_->enter_queue(command);  // defers or cancels it
    }
}

Task<bool> Dispatcher::drain(TimePoint deadline) {
    const auto state = state_;
    // What is being committed as running will run: it has begun.
    auto starting = state->until_no_slot_is_kept();
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

void Dispatcher::reload(Settings settings, std::shared_ptr<const CommandRegistry> registry) {
    state_->settings = std::move(settings);
    state_->registry = std::move(registry);
    // Limits of single commands may have changed: what was parked for one lines up again.
    std::vector<PendingPtr> parked;
    for (auto& [name, lane] : state_->lanes) {
        std::ranges::move(lane.parked, std::back_inserter(parked));
        lane.parked.clear();
    }
    std::ranges::sort(parked, {}, &PendingCommand::sequence);
    state_->queue.insert(state_->queue.begin(), parked.begin(), parked.end());
    state_->start_waiting();
}

std::shared_ptr<const CommandRegistry> Dispatcher::registry() const { return state_->registry; }

}  // namespace jiro::commands
