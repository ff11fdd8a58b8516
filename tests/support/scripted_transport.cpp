// SPDX-License-Identifier: MIT
#include "support/scripted_transport.hpp"

#include <algorithm>

#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/record_splitter.hpp"

namespace jiro::test {

using signalr::errc;

namespace {

class ScriptedTransport final : public signalr::Transport {
  public:
    ScriptedTransport(std::shared_ptr<ScriptedSocket> socket, bool answers_handshake)
        : socket_(std::move(socket)), answers_handshake_(answers_handshake) {}

    Task<Result<void>> send(std::string_view text) override {
        while (socket_->send_is_stuck && !socket_->ended) co_await socket_->changed.wait();
        if (socket_->ended || socket_->send_fails)
            co_return Error(errc::send_failed, "sending to the server failed: broken pipe");
        socket_->messages.emplace_back(text);
        while (!text.empty()) {
            const auto end = text.find(signalr::kRecordSeparator);
            take(std::string(text.substr(0, end)));
            text.remove_prefix(end + 1);
        }
        co_return Result<void>();
    }

    Task<Result<std::string_view>> receive() override {
        while (socket_->inbound.empty() && !socket_->ended) co_await socket_->changed.wait();
        if (!socket_->inbound.empty()) {
            chunk_ = std::move(socket_->inbound.front());
            socket_->inbound.pop_front();
            co_return std::string_view(chunk_);
        }
        if (!socket_->close_code) co_return Error(errc::connection_lost, "the connection was lost: connection reset");
        if (*socket_->close_code == 1000) {
            co_return Error(errc::connection_lost, "the server closed the WebSocket without a hub Close message");
        }
        co_return Error(errc::websocket_closed,
                        "the server closed the WebSocket with code " + std::to_string(*socket_->close_code));
    }

    std::optional<std::uint16_t> close_code() const override { return socket_->close_code; }

    Task<> close(std::uint16_t code) override {
        socket_->closed_by_client = code;
        socket_->ended = true;
        socket_->changed.notify();
        co_return;
    }

    void abort() override {
        socket_->aborted = true;
        socket_->ended = true;
        socket_->changed.notify();
    }

  private:
    void take(std::string record) {
        if (record.starts_with("{\"protocol\"")) {
            socket_->handshake = std::move(record);
            if (answers_handshake_) socket_->deliver("{}\x1e");
        } else {
            socket_->sent.push_back(std::move(record));
        }
    }

    std::shared_ptr<ScriptedSocket> socket_;
    bool answers_handshake_;
    std::string chunk_;
};

}  // namespace

void ScriptedSocket::deliver(std::string bytes) {
    inbound.push_back(std::move(bytes));
    changed.notify();
}

void ScriptedSocket::close(std::uint16_t code) {
    close_code = code;
    ended = true;
    changed.notify();
}

void ScriptedSocket::cut() {
    ended = true;
    changed.notify();
}

std::vector<std::string> ScriptedSocket::records(char type) const {
    std::vector<std::string> found;
    const std::string start = std::string("{\"type\":") + type;
    std::ranges::copy_if(sent, std::back_inserter(found),
                         [&](const auto& record) { return record.starts_with(start); });
    return found;
}

Task<Result<signalr::HttpResponse>> ScriptedConnector::post(signalr::HttpRequest request) {
    requests.push_back({false, std::move(request)});
    Result<signalr::HttpResponse> answer = negotiate_answer("id" + std::to_string(++connections_), stateful);
    if (!answers.empty()) {
        answer = std::move(answers.front());
        answers.pop_front();
    }
    if (answer && answer->status == 0) {
        Event never(executor_);
        for (;;) co_await never.wait();
    }
    co_return answer;
}

Task<Result<signalr::Upgrade>> ScriptedConnector::open(signalr::HttpRequest request) {
    requests.push_back({true, std::move(request)});
    signalr::Upgrade upgrade;
    upgrade.response.status = 101;
    if (!upgrades.empty()) {
        upgrade.response = std::move(upgrades.front());
        upgrades.pop_front();
    }
    if (upgrade.response.status == 101) {
        sockets.push_back(std::make_shared<ScriptedSocket>(executor_));
        upgrade.transport = std::make_unique<ScriptedTransport>(sockets.back(), answers_handshake);
    }
    co_return upgrade;
}

std::size_t ScriptedConnector::posts() const {
    return static_cast<std::size_t>(std::ranges::count(requests, false, &Request::is_upgrade));
}

signalr::HttpResponse negotiate_answer(const std::string& id, bool stateful) {
    std::string body = R"({"negotiateVersion":1,"connectionId":")" + id + R"(","connectionToken":"token-)" + id +
                       R"(","availableTransports":[{"transport":"WebSockets","transferFormats":["Text","Binary"]}])";
    if (stateful) body += R"(,"useStatefulReconnect":true)";
    return {200, {}, body + '}'};
}

std::string full_text(const Url& url) {
    return std::string(url.scheme()).append("://").append(url.host_port()).append(url.target());
}

}  // namespace jiro::test
