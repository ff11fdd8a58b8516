// SPDX-License-Identifier: MIT
#pragma once
// One client's connection after the upgrade: handshake, pings, time limits, the commands that go out and the client
// results that come in, and the end. The rules and the texts are those of ASP.NET Core's HubConnectionHandler. Event
// loop only.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "dev_hub/hub_methods.hpp"
#include "dev_hub/hub_records.hpp"
#include "dev_hub/web_socket.hpp"
#include "jiro/base/clock.hpp"

namespace jiro::dev_hub {

// The answer to an invocation with an id: at most one of both.
struct ClientResult {
    std::string result;  // JSON text; "null" when the client completed without one
    std::string error;   // not empty: the client's error, or the lost connection
    bool connection_lost = false;
};

class HubSession {
  public:
    // `on_ready` is called when the handshake is done.
    HubSession(Executor executor, Clock& clock, const Options& options, std::shared_ptr<WebSocket> socket,
               std::string connection_id, std::function<void(HubSession&)> on_ready);
    ~HubSession() { fail_open_calls(); }
    HubSession(const HubSession&) = delete;
    HubSession& operator=(const HubSession&) = delete;

    // Serves until the connection has ended.
    [[nodiscard]] Task<> run();

    [[nodiscard]] const std::string& connection_id() const noexcept { return connection_id_; }
    [[nodiscard]] std::string peer() const { return socket_->peer(); }
    [[nodiscard]] std::uint64_t commands_sent() const noexcept { return commands_sent_; }

    // Calls a method of the client. With a handler it asks for a result: the handler is called exactly once.
    using OnResult = std::function<void(ClientResult)>;
    void invoke(std::string_view target, std::string_view argument, const InvocationHeaders& headers,
                OnResult on_result = nullptr);

    // Hub Close message, then the WebSocket's close.
    void close(std::string_view error, Reconnect reconnect);
    // WebSocket close frame only.
    void close_socket(std::uint16_t code, std::string reason);
    // TCP reset.
    void drop();
    [[nodiscard]] WebSocket& socket() noexcept { return *socket_; }

  private:
    [[nodiscard]] Task<std::string> shake_hands();
    [[nodiscard]] Task<> serve();
    [[nodiscard]] Task<> send_pings();
    [[nodiscard]] Task<> watch_silence();
    [[nodiscard]] Task<> refuse_late();
    [[nodiscard]] Task<> close_and_wait(std::string record);
    void ended_because(std::string reason);  // the first reason is the one that is logged
    [[nodiscard]] Result<bool> take_records();
    void on_completion(HubMessage message);
    void fail_open_calls();

    Clock& clock_;
    const Options& options_;
    std::shared_ptr<WebSocket> socket_;
    std::string connection_id_;
    std::function<void(HubSession&)> on_ready_;
    RecordBuffer records_;
    HubMethods methods_;
    std::unordered_map<std::string, OnResult> open_calls_;  // by invocationId
    std::uint64_t last_invocation_ = 0;
    std::uint64_t commands_sent_ = 0;
    TimePoint last_record_;
    std::string end_;  // why the connection ended, for the log
    bool ready_ = false;
};

}  // namespace jiro::dev_hub
