// SPDX-License-Identifier: MIT
#pragma once
// The connection's view of the network: one HTTP POST (negotiate) and one WebSocket. The real one is in
// websocket_transport.cpp; tests use tests/support/scripted_transport. Every function is called on the event loop.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/base/url.hpp"
#include "jiro/signalr/settings.hpp"
#include "signalr/protocol/http_message.hpp"

namespace jiro::signalr {

// Everything that a request needs; the same for negotiate and upgrade but for url and headers. Holds secrets.
struct HttpRequest {
    Url url;
    HttpHeaders headers;
    TlsSettings tls;
    std::optional<Url> proxy;
    StepLimits limits;
    http::Reach reach = http::Reach::anywhere;
};

// One open WebSocket. At most one send and one receive at a time, beside one close.
class Transport {
  public:
    virtual ~Transport() = default;

    // Sends one text message. `text` stays alive until this returns.
    [[nodiscard]] virtual Task<Result<void>> send(std::string_view text) = 0;

    // Some bytes of the message stream, cut anywhere (may be empty); valid until the next receive. After an error, see
    // close_code().
    [[nodiscard]] virtual Task<Result<std::string_view>> receive() = 0;

    // The code of the server's close frame, once it came: receive() fails because of one, and close() waits for it.
    [[nodiscard]] virtual std::optional<std::uint16_t> close_code() const = 0;

    // The closing handshake; returns when it is over or has failed. A receive() must be running, or have failed.
    [[nodiscard]] virtual Task<> close(std::uint16_t code) = 0;

    // Drops the socket at once.
    virtual void abort() = 0;
};

// transport is null when the server answered with another status than 101.
struct Upgrade {
    std::unique_ptr<Transport> transport;
    HttpResponse response;
};

class Connector {
  public:
    virtual ~Connector() = default;

    // The response whatever its status; an error when there was none.
    [[nodiscard]] virtual Task<Result<HttpResponse>> post(HttpRequest request) = 0;
    [[nodiscard]] virtual Task<Result<Upgrade>> open(HttpRequest request) = 0;
};

// Sockets through Asio and Beast, each step under its own limit.
[[nodiscard]] std::shared_ptr<Connector> make_beast_connector(Clock& clock);

}  // namespace jiro::signalr
