// SPDX-License-Identifier: MIT
#include "daemon/intake.hpp"

#include <nlohmann/json.hpp>

#include "daemon/log.hpp"
#include "jiro/base/race.hpp"

namespace jiro::daemon {

namespace {

// The result that hubs which wait for an answer expect.
nlohmann::json answer(const std::string& command_sync_id, bool is_success, const std::string& message) {
    auto errors = nlohmann::json::array();
    if (!is_success) errors.push_back(message);
    return {
        {"isSuccess", is_success}, {"message", message}, {"errors", std::move(errors)}, {"requestId", command_sync_id}};
}

nlohmann::json answer(const std::string& command_sync_id, const commands::Completion& completion) {
    return answer(command_sync_id, completion.is_success(), completion.message);
}

}  // namespace

void Intake::attach(signalr::HubConnection& hub) {
    for (const char* target : {"ReceiveCommand", "CommandReceived"}) {
        const auto handler = [this](signalr::Invocation invocation) { return receive(std::move(invocation)); };
        hub.on_result(target, handler, signalr::OverLimit::take).keep();
    }
}

Task<Result<nlohmann::json>> Intake::receive(signalr::Invocation invocation) {
    if (invocation.arguments.empty()) {
        observer_.rejected(Rejection::malformed);
        throw signalr::ArgumentMismatch("expected 1 argument, got 0");
    }
    auto parsed = commands::parse_command_message(std::move(invocation.arguments[0]));
    if (invocation.over_limit) parsed.error = std::move(invocation.over_limit);
    if (!parsed.answerable()) {
        observer_.rejected(Rejection::malformed);
        intake_log.warn("Refused a command that cannot be answered", {{"reason", parsed.error->message}});
        co_return *parsed.error;
    }
    const bool hub_waits = invocation.invocation_id.has_value();
    invocation.arguments.clear();  // large, and not needed while the command runs
    const std::string id = parsed.message.command_sync_id;

    const auto received = co_await dispatcher_.receive(std::move(parsed.message), std::move(parsed.error));
    invocation.hold.reset();  // the journal has it
    if (!hub_waits) co_return nlohmann::json();
    if (received.kind() != commands::ReceivedCommand::Kind::refused &&
        acknowledge_ == commands::Acknowledge::received) {
        co_return answer(id, true, "received");
    }
    try {
        const auto completion = co_await received.finished();
        co_return answer(id, completion);
    } catch (const std::exception& error) {
        // The hub no longer wants the command (CancelInvocation). At the daemon's stop nothing is left to cancel here.
        if (is_cancellation(error)) dispatcher_.cancel(id, commands::CancelReason::by_hub);
        throw;
    }
}

}  // namespace jiro::daemon
