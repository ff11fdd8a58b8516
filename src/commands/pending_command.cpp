// SPDX-License-Identifier: MIT
#include "commands/pending_command.hpp"

#include <boost/asio/this_coro.hpp>

namespace jiro::commands {

// A name has no line break, and a session's id has none.
void PendingCommand::dispatch_as(const CommandDescription& description) {
    name = description.name;
    lane = description.one_in_session ? name + '\n' + message.session_id : "";
}

Task<Completion> PendingCommand::completed() {
    if (!ended_) ended_.emplace(co_await boost::asio::this_coro::executor);
    while (!completion_) co_await ended_->wait();
    co_return *completion_;
}

void PendingCommand::complete(Completion completion) {
    phase = Phase::ended;
    completion_ = std::move(completion);
    if (ended_) ended_->notify();
}

std::size_t size_of(const CommandMessage& message) {
    std::size_t bytes = message.command.size() + message.command_sync_id.size() + message.session_id.size();
    for (const auto& [name, value] : message.parameters) bytes += name.size() + value.size();
    return bytes + message.trace.parent().size() + message.trace.state().size();
}

void PendingCommand::request_cancel(CancelReason reason) {
    if (cancel_reason) return;
    cancel_reason = reason;
    handover.is_wanted = false;
    if (phase == Phase::running) stop.emit(boost::asio::cancellation_type::terminal);
}

void PendingCommand::end_grace() {
    is_grace_over = true;
    if (phase == Phase::running) stop.emit(boost::asio::cancellation_type::total);
}

std::string_view to_string(CancelReason reason) {
    static constexpr std::string_view kTexts[] = {
        "cancelled: by the hub",
        "cancelled: by an operator of this machine",
        "cancelled: what it was called for has ended",
        "cancelled: connection lost",
        "cancelled: shutting down",
    };
    return kTexts[static_cast<std::size_t>(reason)];
}

}  // namespace jiro::commands
