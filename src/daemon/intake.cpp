// SPDX-License-Identifier: MIT
#include "daemon/intake.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/log.hpp"
#include "daemon/requests/answers.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::daemon {

using commands::Acknowledge;
using nlohmann::json;

namespace {

constexpr const char* kContractTarget = "CommandReceived";
constexpr std::size_t kShownCommand = 100;
constexpr std::size_t kAroundText = 1536;  // of an answer: the command, the id and the members, as JSON

// Of the record's headers; a bad one costs the command nothing but its trace.
void take_trace(const signalr::Invocation& invocation, CommandMessage& message) {
    const auto* parent = find_ignoring_case(invocation.headers, "traceparent");
    if (parent == nullptr) return;
    const auto* state = find_ignoring_case(invocation.headers, "tracestate");
    message.trace = TraceContext(*parent, state == nullptr ? std::string_view() : *state);
    if (!message.trace.empty()) return;
    intake_log.debug("A command's traceparent is not valid; it is ignored",
                     {{"command_sync_id", message.command_sync_id}, {"traceparent", excerpt(*parent)}});
}

constexpr const char* kNotConfirmed = "the server has not confirmed the result yet; it is kept";
constexpr const char* kKeptAtStop = "ended as the client stops; its result is kept until the next start";
constexpr const char* kDropped = "its result was dropped by the operator";
constexpr const char* kDead = "the server does not take its result; it is kept as a dead letter";

// "Command 'backup db' executed successfully"
std::string about(const std::string& text, std::string_view what) {
    return "Command '" + shortened(text, kShownCommand) + "' " + std::string(what);
}

}  // namespace

// What a hub that waits is told of one command, in the form of its generation. Today's (CommandReceived) takes an
// ActionResult, whose IsSuccess says that the outcome, whatever it is, is on its way: a failed one would end its user's
// request. The seed's (ReceiveCommand) is told how the command ended.
class Intake::Answers {
  public:
    // `room`: bytes of the answer as JSON.
    Answers(bool is_contract, std::string id, std::string text, std::size_t room)
        : is_contract_(is_contract),
          id_(std::move(id)),
          text_(std::move(text)),
          text_room_((room - std::min(room, kAroundText)) / 2) {}

    [[nodiscard]] json received() const {
        return is_contract_ ? action_succeeded(id_, about(text_, "received")) : seeds(true, "received");
    }
    [[nodiscard]] json ended(const commands::Completion& completion) const {
        if (!is_contract_) return seeds(completion.is_success(), completion.message);
        if (completion.forgotten) return failed(completion.message);
        std::string how = completion.is_success() ? "executed successfully" : "failed: " + completion.message;
        if (!completion.note.empty()) how += " (" + completion.note + ')';
        return action_succeeded(id_, about(text_, fitting(how)));
    }
    // It has not ended, and is not lost: its outcome is on its way all the same.
    [[nodiscard]] json kept(const std::string& where) const {
        return is_contract_ ? action_succeeded(id_, about(text_, where)) : seeds(true, where);
    }
    // It has no outcome, or none that is on its way.
    [[nodiscard]] json failed(const std::string& reason) const {
        const auto why = fitting(reason);
        return is_contract_ ? action_failed(id_, about(text_, "failed: " + why), why) : seeds(false, reason);
    }

  private:
    [[nodiscard]] json seeds(bool is_success, const std::string& message) const {
        const auto text = fitting(message);
        auto errors = json::array();
        if (!is_success) errors.push_back(text);
        return {{"isSuccess", is_success}, {"message", text}, {"errors", std::move(errors)}, {"requestId", id_}};
    }

    // A hub closes the connection on a longer record. What failed is said twice.
    [[nodiscard]] std::string fitting(const std::string& text) const { return text_within(text, text_room_); }

    bool is_contract_;
    std::string id_;
    std::string text_;
    std::size_t text_room_;
};

void Intake::attach(signalr::HubConnection& hub) {
    for (const char* target : {"ReceiveCommand", kContractTarget}) {
        const auto handler = [this](signalr::Invocation invocation) { return receive(std::move(invocation)); };
        hub.on_result(target, handler, signalr::OverLimit::take, [] { return commands::make_message_reader(); }).keep();
    }
}

commands::ParsedMessage Intake::parse(signalr::Invocation& invocation) const {
    auto reader = std::static_pointer_cast<commands::MessageReader>(std::exchange(invocation.reader, nullptr));
    if (!reader) reader = commands::make_message_reader();  // the record broke off before its arguments
    auto parsed = reader->take();
    take_trace(invocation, parsed.message);
    if (invocation.over_limit) parsed.error = std::move(invocation.over_limit);
    if (!parsed.error && commands_ == CommandsAre::refused) {
        parsed.error = Error(commands::errc::not_allowed, "commands are not allowed on this machine");
    }
    return parsed;
}

Task<Result<json>> Intake::receive(signalr::Invocation invocation) {
    const TimePoint arrived = clock_.now();
    const bool is_contract = invocation.target == kContractTarget;
    auto parsed = parse(invocation);
    if (!parsed.answerable()) {
        observer_.rejected(Rejection::malformed);
        observer_.ended({.message = parsed.message});
        intake_log.warn("Refused a command that cannot be answered", {{"reason", parsed.error->message}});
        // The seed's generation of hubs takes an error; the contract's has a shape for it.
        if (!is_contract) co_return *parsed.error;
        const std::size_t room = room_for_result(max_send_bytes_, invocation.invocation_id);
        co_return Answers(is_contract, "", parsed.message.command, room).failed(parsed.error->message);
    }
    if (!invocation.invocation_id) {
        static_cast<void>(co_await dispatcher_.receive(std::move(parsed.message), std::move(parsed.error)));
        co_return json();
    }
    // Who waits for the answer can send it elsewhere; for who does not, it runs after the restart.
    if (dispatcher_.is_stopping() && !parsed.error) parsed.error = Error(commands::errc::stopping);
    const bool is_refused = commands_ == CommandsAre::refused;
    invocation.arguments.clear();  // large, and not needed while the command runs
    invocation.headers.clear();
    const std::string id = parsed.message.command_sync_id;
    const std::size_t room = room_for_result(max_send_bytes_, invocation.invocation_id);
    const Answers answers(is_contract, id, shortened(parsed.message.command, 2 * kShownCommand), room);

    // Before it is there: of one that ended before, the outcome may be delivered again at once.
    const auto delivery = deliveries_.expect(id);
    const auto received = co_await dispatcher_.receive(std::move(parsed.message), std::move(parsed.error));
    invocation.hold.reset();  // the journal has it
    if (is_refused) co_return answers.failed("commands are not allowed on this machine");
    try {
        auto answering = answer(received, delivery, answers, arrived + kDeliveryLimit);
        auto result = co_await std::move(answering);
        co_return std::move(result);
    } catch (const std::exception& error) {
        // The hub no longer wants the command (CancelInvocation). At the daemon's stop nothing is left to cancel here.
        // One that was there before is not this invocation's.
        const bool is_its_own = received.kind() == commands::ReceivedCommand::Kind::accepted;
        if (is_its_own && is_cancellation(error)) dispatcher_.cancel(id, commands::CancelReason::by_hub);
        throw;
    }
}

Task<json> Intake::answer(commands::ReceivedCommand received, DeliveryWatch::Wait delivery, Answers answers,
                          TimePoint deliver_until) {
    using Kind = commands::ReceivedCommand::Kind;
    const Acknowledge acknowledge = acknowledge_;
    const bool is_refused = received.kind() == Kind::refused;
    const bool are_too_many = *waits_ >= kMostWaits;
    if (!is_refused && are_too_many && acknowledge == Acknowledge::delivered) co_return answers.failed(kNotConfirmed);
    if (!is_refused && (are_too_many || acknowledge == Acknowledge::received)) co_return answers.received();
    ++*waits_;
    const AtEnd at_end([waits = waits_] { --*waits; });  // the Intake may be gone by then
    auto finishing = received.finished();
    const auto completion = co_await std::move(finishing);
    if (is_refused) co_return answers.failed(completion.message);
    if (completion.deferred) co_return answers.kept(completion.message);
    if (acknowledge == Acknowledge::delivered && !completion.forgotten) {
        auto delivering = delivery.until(deliver_until);
        const auto state = co_await std::move(delivering);
        if (!state) co_return answers.failed(kNotConfirmed);
        if (*state == DeliveryState::waiting) co_return answers.kept(kKeptAtStop);
        if (*state != DeliveryState::delivered) {
            co_return answers.failed(*state == DeliveryState::dropped ? kDropped : kDead);
        }
    }
    co_return answers.ended(completion);
}

}  // namespace jiro::daemon
