// SPDX-License-Identifier: MIT
#pragma once
// The HTTP endpoint for people and for Prometheus: GET (and HEAD) /status, /metrics, /healthz, /readyz and / (a page),
// on loopback TCP or on a Unix socket. Built by the daemon, lives on the event loop, never blocks it.
//
//     StatusServer server(executor, clock, settings, [this] { return current_status(); }, routes);
//     if (auto listening = server.listen(); !listening) ...   // named error; the daemon decides whether to go on
//     co_await server.run();                                  // until cancelled
//
// It trusts nobody: small limits on everything, a time limit on every step, max_connections at once (a new one takes
// the place of the one that has been idle longest; where none is idle it gets 503), and the Host header must be an IP
// literal, localhost, this machine's name or the listen address, so that a web page cannot read it by DNS rebinding.
// Routes that change things exist on the Unix socket only, for root and for the daemon's own user.
//
// Event loop only. Destroy it after run() has returned: its connections use it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/monitor/settings.hpp"
#include "jiro/monitor/status.hpp"

namespace jiro::monitor {

struct ServerLimits {
    std::size_t max_connections = 64;
    Duration request_limit = std::chrono::seconds(5);  // from the first wait to a whole request
    Duration idle_limit = std::chrono::seconds(30);    // between requests of one connection
    Duration write_limit = std::chrono::seconds(10);
    std::uint32_t max_header_bytes = 8 * 1024;
    std::uint64_t max_body_bytes = 64 * 1024;
};

struct RouteRequest {
    std::string query;  // after '?', encoded; may be empty
    std::string body;
};

struct RouteReply {
    int status = 200;
    std::string json = "{}";
};

// A privileged action. Give a function that calls a member coroutine; never a capturing lambda that is itself a
// coroutine.
using Route = std::function<Task<RouteReply>(RouteRequest)>;
// "POST /outbox/retry" -> action. The method is part of the key; GET is allowed for what only the owner may read.
using Routes = std::map<std::string, Route, std::less<>>;
// The one route for processes that hide from the daemon as well, such as ExecReload= of a unit with PrivateUsers=: whoever
// has the daemon's user can reload it by SIGHUP anyway.
inline constexpr std::string_view kReloadRoute = "POST /reload";

class StatusServer {
  public:
    StatusServer(Executor executor, Clock& clock, Settings settings, std::function<Status()> source, Routes routes = {},
                 ServerLimits limits = {});
    ~StatusServer();
    StatusServer(const StatusServer&) = delete;
    StatusServer& operator=(const StatusServer&) = delete;

    // Opens the socket. Errors: address_in_use, cannot_listen, path_too_long. Off: succeeds, and run() only waits.
    [[nodiscard]] Result<> listen();

    // Serves until cancelled; then closes what is open and returns. A Unix socket's file is removed.
    [[nodiscard]] Task<> run();

    // Where it listens, with the real port; valid after listen().
    [[nodiscard]] Listen local() const;
    [[nodiscard]] std::size_t connections() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace jiro::monitor
