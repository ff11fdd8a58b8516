// SPDX-License-Identifier: MIT
#pragma once
// What the hub and its control need of HTTP and WebSocket, without Beast in sight: a listener, on TCP or on a Unix
// socket, that asks a handler about each request and hands it each accepted WebSocket. Everything is called on the
// executor's one thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "jiro/base/task.hpp"

#include "dev_hub/options.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"

namespace jiro::dev_hub {

struct HttpRequest {
    std::string method;
    std::string path;
    std::string query;
    std::string authorization;
    std::string body;
    bool is_upgrade = false;  // asks for a WebSocket
};

struct HttpAnswer {
    unsigned status = 200;  // 101 lets the upgrade through
    std::string body{};
    std::string content_type = "text/plain";
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string connection_id{};  // given to on_web_socket after a 101
    std::string claimed_token{};
};

// One accepted WebSocket. Writes are queued and leave in order; texts that wait together share a WebSocket message.
class WebSocket {
  public:
    virtual ~WebSocket() = default;

    // The next piece of a message: part of one, or the end of one. Fails with connection_closed and the reason.
    [[nodiscard]] virtual Task<Result<std::string>> read() = 0;

    enum class Kind { text, binary, raw };  // raw: bytes on the TCP (or TLS) stream with no WebSocket frame around them
    virtual void write(std::string bytes, Kind kind = Kind::text) = 0;
    // WebSocket close frame, after what is queued.
    virtual void close(std::uint16_t code, std::string reason) = 0;
    // Returns when all that was queued, a close too, is written or has failed. Bounded: the close waits at most 5 s.
    [[nodiscard]] virtual Task<> drain() = 0;
    // TCP reset, now.
    virtual void reset() = 0;
    // While stalled nothing is read and nothing is written; the connection stays open.
    virtual void set_stalled(bool stalled) = 0;
    [[nodiscard]] virtual std::string peer() const = 0;
};

class WebHandler {
  public:
    virtual ~WebHandler() = default;
    [[nodiscard]] virtual Task<HttpAnswer> on_request(HttpRequest request) = 0;
    // Called after an answer with status 101.
    [[nodiscard]] virtual Task<> on_web_socket(std::shared_ptr<WebSocket> socket, HttpAnswer accepted) = 0;
};

class WebListener {
  public:
    WebListener(Executor executor, Clock& clock, WebHandler& handler);
    ~WebListener();  // a Unix socket's file goes with it

    // Binds and begins to accept. The returned port is the bound one.
    [[nodiscard]] Result<std::uint16_t> start(const Endpoint& address, const std::optional<TlsFiles>& tls);
    // A Unix socket with mode 0600. Replaces a dead one; fails when another server answers there.
    [[nodiscard]] Result<> start(const std::filesystem::path& socket);
    // No new connections from now on.
    void stop_accepting();
    // Waits for the connections to end, until `limit`; then aborts them and waits.
    [[nodiscard]] Task<> finish(Duration limit);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace jiro::dev_hub
