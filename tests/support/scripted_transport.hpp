// SPDX-License-Identifier: MIT
#pragma once
// A hub without a network: the test says what negotiate answers, what each socket receives and when it breaks, and
// looks at what was asked and sent. By default negotiate succeeds, the upgrade is accepted and the handshake is
// answered.

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jiro/base/event.hpp"
#include "signalr/transport/transport.hpp"

namespace jiro::test {

// The server's end of one WebSocket.
class ScriptedSocket {
  public:
    explicit ScriptedSocket(const Executor& executor) : changed(executor) {}

    void deliver(std::string bytes);                                  // to the client, as one chunk
    void close(std::uint16_t code);                                   // a WebSocket close frame
    void cut();                                                       // the TCP connection breaks
    [[nodiscard]] std::vector<std::string> records(char type) const;  // sent records of one message type, e.g. '3'

    std::string handshake;              // the first record the client sent
    std::vector<std::string> sent;      // the records after it, without separators
    std::vector<std::string> messages;  // all of it, as it was sent: one entry a WebSocket message
    bool send_is_stuck = false;
    bool send_fails = false;  // while reading goes on
    std::optional<std::uint16_t> closed_by_client;
    bool aborted = false;

    // Between the two ends.
    std::deque<std::string> inbound;
    bool ended = false;
    std::optional<std::uint16_t> close_code;
    Event changed;
};

class ScriptedConnector final : public signalr::Connector {
  public:
    explicit ScriptedConnector(Executor executor) : executor_(std::move(executor)) {}

    struct Request {
        bool is_upgrade = false;
        signalr::HttpRequest request;
    };

    [[nodiscard]] Task<Result<signalr::HttpResponse>> post(signalr::HttpRequest request) override;
    [[nodiscard]] Task<Result<signalr::Upgrade>> open(signalr::HttpRequest request) override;

    [[nodiscard]] ScriptedSocket& socket() const { return *sockets.back(); }
    [[nodiscard]] std::size_t posts() const;

    // What is answered, in order; then a good answer for ever. A response with status 0 never comes.
    std::deque<Result<signalr::HttpResponse>> answers;
    std::deque<signalr::HttpResponse> upgrades;  // a status other than 101 refuses
    bool answers_handshake = true;
    bool stateful = false;

    std::vector<Request> requests;
    std::vector<std::shared_ptr<ScriptedSocket>> sockets;

  private:
    Executor executor_;
    int connections_ = 0;
};

// A negotiate answer that offers WebSockets.
[[nodiscard]] signalr::HttpResponse negotiate_answer(const std::string& id, bool stateful);
// The URL in full, as it would go on the wire.
[[nodiscard]] std::string full_text(const Url& url);

}  // namespace jiro::test
