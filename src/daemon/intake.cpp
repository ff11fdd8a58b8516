// SPDX-License-Identifier: MIT
#include "daemon/intake.hpp"

#include <nlohmann/json.hpp>

#include "daemon/log.hpp"
#include "daemon/requests/answers.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/race.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::daemon {

using commands::Acknowledge;
using nlohmann::json;

namespace {

constexpr const char* kContractTarget = "CommandReceived";
constexpr std::size_t kShownCommand = 100;

// "Command 'backup db' executed successfully"
std::string about(const std::string& text, std::string_view what) {
    return "Command '" + shortened(text, kShownCommand) + "' " + std::string(what);
}

json not_delivered(const std::string& id, const std::string& text, const std::string& why) {
    return action_failed(id, about(text, "failed: " + why), why);
}

}  // namespace

void Intake::attach(signalr::HubConnection& hub) {
    for (const char* target : {"ReceiveCommand", kContractTarget}) {
        const auto handler = [this](signalr::Invocation invocation) { return receive(std::move(invocation)); };
        hub.on_result(target, handler, signalr::OverLimit::take).keep();
    }
}

commands::ParsedMessage Intake::parse(signalr::Invocation& invocation) const {
    commands::ParsedMessage parsed;
    if (invocation.arguments.empty()) {
        parsed.error = Error(commands::errc::not_an_object, "expected 1 argument, got 0");
        return parsed;
    }
    parsed = commands::parse_command_message(std::move(invocation.arguments[0]));
    if (invocation.over_limit) parsed.error = std::move(invocation.over_limit);
    if (!parsed.error && commands_ == CommandsAre::refused) {
        parsed.error = Error(commands::errc::not_allowed, "commands are not allowed on this machine");
    }
    return parsed;
}

Task<Result<json>> Intake::receive(signalr::Invocation invocation) {
    const TimePoint arrived = clock_.now();
    auto parsed = parse(invocation);
    if (!parsed.answerable()) {
        observer_.rejected(Rejection::malformed);
        intake_log.warn("Refused a command that cannot be answered", {{"reason", parsed.error->message}});
        // The seed's generation of hubs takes an error; the contract's has a shape for it.
        if (invocation.target != kContractTarget) co_return *parsed.error;
        co_return not_delivered("", parsed.message.command, parsed.error->message);
    }
    const bool hub_waits = invocation.invocation_id.has_value();
    const bool is_refused = commands_ == CommandsAre::refused;
    invocation.arguments.clear();  // large, and not needed while the command runs
    const std::string id = parsed.message.command_sync_id;
    const std::string text = shortened(parsed.message.command, 2 * kShownCommand);

    const auto received = co_await dispatcher_.receive(std::move(parsed.message), std::move(parsed.error));
    invocation.hold.reset();  // the journal has it
    if (!hub_waits) co_return json();
    if (is_refused) co_return not_delivered(id, text, "commands are not allowed on this machine");
    try {
        auto answering = answer(received, id, text, arrived);
        auto result = co_await std::move(answering);
        co_return std::move(result);
    } catch (const std::exception& error) {
        // The hub no longer wants the command (CancelInvocation). At the daemon's stop nothing is left to cancel here.
        if (is_cancellation(error)) dispatcher_.cancel(id, commands::CancelReason::by_hub);
        throw;
    }
}

Task<json> Intake::answer(commands::ReceivedCommand received, std::string id, std::string text, TimePoint arrived) {
    using Kind = commands::ReceivedCommand::Kind;
    const Acknowledge acknowledge = acknowledge_;
    if (received.kind() != Kind::refused && acknowledge == Acknowledge::received) {
        co_return action_succeeded(id, about(text, "received"));
    }
    // Before the end: it may be delivered at once.
    const auto delivery = deliveries_.expect(id);
    auto finishing = received.finished();
    const auto completion = co_await std::move(finishing);
    if (received.kind() == Kind::refused || completion.deferred) co_return not_delivered(id, text, completion.message);
    if (acknowledge == Acknowledge::delivered && received.kind() == Kind::accepted) {
        auto delivering = delivery.until(arrived + kDeliveryLimit);
        const bool is_delivered = co_await std::move(delivering);
        if (!is_delivered) co_return not_delivered(id, text, "the server has not confirmed the result yet; it is kept");
    }
    const std::string what = completion.is_success() ? "executed successfully" : "failed: " + completion.message;
    co_return action_succeeded(id, about(text, what));
}

}  // namespace jiro::daemon
