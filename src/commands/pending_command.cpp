// SPDX-License-Identifier: MIT
#include "commands/pending_command.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace jiro::commands {

namespace asio = boost::asio;

Task<Completion> PendingCommand::completed() {
    if (!completion_) {
        asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        const auto waiter = waiters_.insert(waiters_.end(), &timer);
        const auto [error] = co_await timer.async_wait(kNoThrow);
        waiters_.erase(waiter);
        if (!completion_) throw boost::system::system_error(error);  // the waiter was cancelled, not the command
    }
    co_return *completion_;
}

void PendingCommand::complete(Completion completion) {
    phase = Phase::settled;
    completion_ = std::move(completion);
    for (auto* waiter : waiters_) waiter->cancel();
}

std::size_t size_of(const CommandMessage& message) {
    std::size_t bytes = message.command.size() + message.command_sync_id.size() + message.session_id.size();
    for (const auto& [name, value] : message.parameters) bytes += name.size() + value.size();
    return bytes;
}

void PendingCommand::request_cancel(CancelReason reason) {
    if (cancel_reason) return;
    cancel_reason = reason;
    if (phase == Phase::running) stop.emit(asio::cancellation_type::terminal);
}

std::string_view to_string(CancelReason reason) {
    switch (reason) {
        case CancelReason::by_hub:
            return "cancelled: by the hub";
        case CancelReason::connection_lost:
            return "cancelled: connection lost";
        case CancelReason::shutting_down:
            return "cancelled: shutting down";
    }
    return "cancelled";
}

ReceivedCommand::ReceivedCommand(Kind kind, std::shared_ptr<PendingCommand> command)
    : kind_(kind), command_(std::move(command)) {}

ReceivedCommand::ReceivedCommand(Kind kind, Completion completion) : kind_(kind), completion_(std::move(completion)) {}

Task<Completion> ReceivedCommand::finished() const {
    // A copy of each, since this object may be a temporary of the caller.
    const auto command = command_;
    if (!command) co_return completion_;
    co_return co_await command->completed();
}

}  // namespace jiro::commands
