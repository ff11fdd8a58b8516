// SPDX-License-Identifier: MIT
#include "jiro/commands/dispatcher.hpp"

#include "commands/dispatcher_state.hpp"
#include "commands/exec/exec_run.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::commands {

ReceivedCommand::ReceivedCommand(Kind kind, std::shared_ptr<PendingCommand> command)
    : kind_(kind), command_(std::move(command)) {}

ReceivedCommand::ReceivedCommand(Kind kind, Completion completion) : kind_(kind), completion_(std::move(completion)) {}

Task<Completion> ReceivedCommand::finished() const {
    // A copy of each, since this object may be a temporary of the caller.
    const auto command = command_;
    if (!command) co_return completion_;
    co_return co_await command->completed();
}

Dispatcher::Dispatcher(Executor executor, Clock& clock, RandomSource& random, boost::asio::thread_pool& workers,
                       ResultSink& sink, CommandObserver& observer, Settings settings,
                       std::shared_ptr<const CommandRegistry> registry)
    : state_(std::make_shared<State>(std::move(executor), clock, random, workers, sink, observer, std::move(settings),
                                     std::move(registry))) {}

Dispatcher::~Dispatcher() { state_->abandoned = true; }

bool Dispatcher::has_room() const { return !state_->stopping && state_->queue.has_room(); }

Task<> Dispatcher::until_room() {
    const auto state = state_;
    while (state->stopping || !state->queue.has_room()) co_await state->changed.wait();
}

void Dispatcher::set_gate(StartGate& gate) { state_->gate = &gate; }

void Dispatcher::gate_changed() { state_->start_next(); }

void Dispatcher::set_older_in_journal(bool are_there) { state_->are_older_in_journal = are_there; }

Task<> Dispatcher::run() {
    const auto state = state_;
    state->started = true;
    state->start_next();
    auto refusing = state->refuse_what_waits_too_long();
    auto stopping = state->until_stop_requested();
    co_await race(std::move(refusing), std::move(stopping));
    co_await state->until_none_is_reserved();
    co_await state->group.wait();
}

Task<> Dispatcher::State::until_stop_requested() {
    const auto self = shared_from_this();
    while (!stopping) co_await stop_requested.wait();
}

void Dispatcher::request_stop() {
    if (std::exchange(state_->stopping, true)) return;
    state_->stop_requested.notify();
    for (const auto& command : state_->all_in_order()) {
        if (command->phase == Phase::waiting) state_->on_journalled(command);
        if (command->phase == Phase::running) state_->hand_over(command);
    }
}

bool Dispatcher::is_stopping() const noexcept { return state_->stopping; }

Task<bool> Dispatcher::drain(TimePoint deadline) {
    const auto state = state_;
    // What is being committed as running has begun (PendingCommand::has_begun).
    auto starting = state->until_none_is_reserved();
    const bool have_started = co_await with_timeout(state->clock, deadline - state->clock.now(), std::move(starting));
    if (!have_started) co_return false;
    co_return co_await state->group.wait_until(state->clock, deadline);
}

void Dispatcher::cancel_all(CancelReason reason) {
    for (const auto& command : state_->all_in_order()) state_->cancel(command, reason);
}

Task<> Dispatcher::end_all(CancelReason reason, Duration grace) {
    static_assert(clean_up_limit(std::chrono::milliseconds(0)) <= kEndLimit);
    const auto state = state_;
    cancel_all(reason);
    const bool have_ended = co_await drain(state->clock.now() + grace);
    if (have_ended) co_return;
    for (const auto& command : state->all_in_order()) command->end_grace();
    static_cast<void>(co_await drain(state->clock.now() + kEndLimit));
}

void Dispatcher::connection_lost() {
    if (state_->settings.on_connection_lost == OnConnectionLost::cancel)
        return cancel_all(CancelReason::connection_lost);
    connection_left();
}

void Dispatcher::connection_left() {
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
    state_->waits_longest.notify();
    state_->start_next();
}

std::shared_ptr<const CommandRegistry> Dispatcher::registry() const { return state_->registry; }

}  // namespace jiro::commands
