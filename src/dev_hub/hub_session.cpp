// SPDX-License-Identifier: MIT
#include "dev_hub/hub_session.hpp"

#include "dev_hub/log.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/race.hpp"

namespace jiro::dev_hub {

HubSession::HubSession(Executor executor, Clock& clock, const Options& options, std::shared_ptr<WebSocket> socket,
                       std::string connection_id, std::function<void(HubSession&)> on_ready)
    : clock_(clock),
      options_(options),
      socket_(std::move(socket)),
      connection_id_(std::move(connection_id)),
      on_ready_(std::move(on_ready)),
      records_(options.max_receive_bytes),
      methods_(std::move(executor), clock, [this](std::string record) { socket_->write(std::move(record)); }) {}

Task<> HubSession::run() {
    logger.info("Client connected", {{"connection_id", connection_id_}, {"peer", socket_->peer()}});
    std::optional<std::string> shaken;
    auto shaking = into(shaken, shake_hands());
    auto refusing = refuse_late();
    co_await race(std::move(shaking), std::move(refusing));
    const auto refusal = shaken.value_or("no answer to the close");
    if (refusal.empty()) {
        ready_ = true;
        last_record_ = clock_.now();
        logger.info("Handshake done", {{"connection_id", connection_id_}});
        on_ready_(*this);
        auto life = tasks(serve(), send_pings(), watch_silence());
        co_await race(std::move(life));
        ready_ = false;
    } else {
        ended_because("handshake: " + refusal);
        socket_->write(handshake_response(refusal));
    }
    fail_open_calls();
    co_await methods_.finish();
    socket_->close(1000, "");
    co_await socket_->drain();
    logger.info("Client disconnected", {{"connection_id", connection_id_}, {"reason", end_}});
}

void HubSession::invoke(std::string_view target, std::string_view argument, const InvocationHeaders& headers,
                        OnResult on_result) {
    if (!ready_) {
        if (on_result) on_result({"null", "the connection has ended", true});
        return;
    }
    ++commands_sent_;
    if (!on_result) return socket_->write(invocation_record(target, argument, {}, headers));
    auto id = std::to_string(++last_invocation_);
    socket_->write(invocation_record(target, argument, id, headers));
    open_calls_.emplace(std::move(id), std::move(on_result));
}

void HubSession::close(std::string_view error, Reconnect reconnect) {
    ended_because("this server sent Close");
    socket_->write(close_record(error, reconnect));
    socket_->close(1000, "");
}

void HubSession::close_socket(std::uint16_t code, std::string reason) {
    ended_because("this server closed the WebSocket with code " + std::to_string(code));
    socket_->close(code, std::move(reason));
}

void HubSession::drop() {
    ended_because("reset on request");
    socket_->reset();
}

// The reason of a refusal; empty: accepted.
Task<std::string> HubSession::shake_hands() {
    while (true) {
        auto record = records_.next();
        if (!record) co_return record.error().message;
        if (*record) {
            const auto request = parse_handshake(**record);
            auto refusal = request ? handshake_refusal(*request) : request.error().message;
            if (refusal.empty()) socket_->write(handshake_response({}));
            co_return refusal;
        }
        auto bytes = co_await socket_->read();
        if (!bytes) co_return bytes.error().message;
        records_.append(*bytes);
    }
}

Task<> HubSession::serve() {
    while (true) {
        const auto more = take_records();
        if (!more) {
            const auto& reason = more.error().message;
            ended_because(reason);
            logger.warn("Protocol error of the client", {{"connection_id", connection_id_}, {"reason", reason}});
            socket_->write(close_record("Connection closed with an error. InvalidDataException: " + reason + ".",
                                        Reconnect::allowed));
            co_return;
        }
        if (!*more) co_return;
        auto bytes = co_await socket_->read();
        if (!bytes) co_return ended_because(bytes.error().message);
        records_.append(*bytes);
    }
}

// False when the client said Close.
Result<bool> HubSession::take_records() {
    while (true) {
        auto record = records_.next();
        if (!record) return record.error();
        if (!*record) return true;
        last_record_ = clock_.now();
        auto message = parse_message(**record);
        if (!message) return message.error();
        if (!*message) continue;
        if ((*message)->type == MessageType::close) {
            ended_because("the client sent Close" + ((*message)->error ? ": " + *(*message)->error : std::string()));
            return false;
        }
        if ((*message)->type == MessageType::completion && open_calls_.contains((*message)->invocation_id)) {
            on_completion(std::move(**message));
        } else if (const auto id = (*message)->invocation_id; !methods_.handle(std::move(**message))) {
            logger.warn("Completion for an unknown invocation",
                        {{"connection_id", connection_id_}, {"invocation_id", id}});
        }
    }
}

void HubSession::on_completion(HubMessage message) {
    const auto call = open_calls_.find(message.invocation_id);
    const auto on_result = std::move(call->second);
    open_calls_.erase(call);
    ClientResult result;
    result.result = message.value ? json_text(*message.value) : "null";
    if (message.error) result.error = message.error->empty() ? "(empty error)" : *message.error;
    on_result(std::move(result));
}

void HubSession::fail_open_calls() {
    const auto calls = std::exchange(open_calls_, {});
    for (const auto& [id, on_result] : calls) {
        on_result({"null", "the connection ended before the client completed the invocation", true});
    }
}

// As ASP.NET Core does: at each interval, whatever else was sent in it.
Task<> HubSession::send_pings() {
    while (true) {
        co_await clock_.sleep_for(options_.keep_alive);
        socket_->write(ping_record());
    }
}

Task<> HubSession::watch_silence() {
    while (true) {
        const auto deadline = last_record_ + options_.client_timeout;
        if (clock_.now() >= deadline) break;
        co_await clock_.sleep_until(deadline);
    }
    ended_because("the client was silent for longer than the client timeout");
    logger.warn("Client timeout", {{"connection_id", connection_id_}});
    auto record = close_record(
        "Connection closed with an error. OperationCanceledException: Client hasn't sent a "
        "message/ping within the configured ClientTimeoutInterval.",
        Reconnect::allowed);
    co_await close_and_wait(std::move(record));
}

Task<> HubSession::refuse_late() {
    co_await clock_.sleep_for(options_.handshake_timeout);
    ended_because("no handshake in time");
    auto record = handshake_response("Handshake was canceled.");  // ASP.NET Core's text
    co_await close_and_wait(std::move(record));
}

// A read that is cancelled breaks a Beast WebSocket, and nothing could be told any more. So the reader is left to see
// the close: the client's answer, or the end of the close's own time limit.
Task<> HubSession::close_and_wait(std::string record) {
    socket_->write(std::move(record));
    socket_->close(1000, "");
    co_await clock_.sleep_for(std::chrono::seconds(10));
}

void HubSession::ended_because(std::string reason) {
    if (end_.empty()) end_ = std::move(reason);
}

}  // namespace jiro::dev_hub
