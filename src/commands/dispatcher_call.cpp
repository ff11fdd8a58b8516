// SPDX-License-Identifier: MIT
// A command that another one calls, and waits for: the model's tool.
#include <boost/asio/this_coro.hpp>

#include "commands/dispatcher_state.hpp"
#include "jiro/base/race.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace asio = boost::asio;

Task<CommandResult> Dispatcher::call(CommandMessage message) {
    const auto state = state_;
    const Fingerprint content = fingerprint(message);
    const auto tool = state->add(std::move(message), content);
    const auto answer = tool->answer = std::make_shared<FinishedCommand>();
    state->begin_call(tool);
    bool is_cancelled = false;
    try {
        static_cast<void>(co_await tool->completed());
    } catch (const std::exception& error) {
        if (!is_cancellation(error)) throw;
        is_cancelled = true;
    }
    if (is_cancelled) {
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        state->cancel(tool, CancelReason::by_caller);
        static_cast<void>(co_await tool->completed());
    }
    co_return std::move(answer->result);
}

// Not a coroutine: it is known, and has its place, before the caller waits.
void Dispatcher::State::begin_call(const PendingPtr& tool) {
    tool->is_marked_running = true;
    observer.received(tool->message.command_sync_id);
    auto resolution = resolution_of(*tool);
    if (resolution) tool->dispatch_as(resolution->handler->description());
    commands_log.info("Command called", {{"command_sync_id", tool->message.command_sync_id},
                                         {"session_id", tool->message.session_id},
                                         {"command", tool->name}});
    if (!resolution) return refuse(tool, CommandResult::rejected(resolution.error()));
    if (stopping || !started) return refuse(tool, cancelled_result(CancelReason::shutting_down));
    if (resolution->handler->description().control && queue.reserve_control(*tool)) {
        tool->resolution = std::move(*resolution);
        tool->resolved_with = registry;
    } else {
        queue.enqueue(tool);
    }
    on_journalled(tool);
}

// A tool is a name, whatever a hub's text needs to be a command.
Result<Resolution> Dispatcher::State::resolution_of(const PendingCommand& command) const {
    if (!command.is_tool()) return resolve(command.message.command, settings, *registry);
    const auto* handler = registry->find(command.message.command);
    if (handler == nullptr) return Error(errc::unknown_command, "there is no such command");
    return Resolution{handler, {}, handler->description().takes_text ? ArgumentsAre::one_text : ArgumentsAre::words};
}

}  // namespace jiro::commands
