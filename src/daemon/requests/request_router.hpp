// SPDX-License-Identifier: MIT
#pragma once
// The hub's requests beside commands: target -> what the operator allows -> members -> handler -> answer. Each request
// gets one answer in the shape that its target has, also when it is refused, malformed, too late or one too many: an
// error Completion would make the server fail the wait of its user. Requests have a bound of their own, and never take
// a command's slot. Event loop only.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/requests/request.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/event.hpp"
#include "jiro/config/hub_settings.hpp"
#include "jiro/signalr/hub_connection.hpp"

namespace jiro::daemon {

// One of the hub's methods on this side.
struct RequestTarget {
    std::string name;
    config::RequestKind kind{};
    // Error: why it cannot be answered; the refusal tells it to the hub. May throw ArgumentMismatch.
    std::function<Task<Result<nlohmann::json>>(Request)> answer;
    // The same shape for a request that is not answered. `members` may be empty.
    std::function<nlohmann::json(const Request&, const std::string& why)> refuse;
};
using RequestTargets = std::vector<RequestTarget>;

// For a handler that waits for nothing.
[[nodiscard]] inline Task<Result<nlohmann::json>> answer_now(nlohmann::json answer) { co_return std::move(answer); }

enum class RequestEnd { answered, not_allowed, malformed, busy, timed_out, failed };
inline constexpr auto kRequestEndNames = enum_names<RequestEnd::answered, RequestEnd::failed>;

class RequestRouter {
  public:
    static constexpr std::size_t kMaxRunning = 8;
    static constexpr std::size_t kMaxWaiting = 64;                    // beyond, the answer is at once "busy"
    static constexpr Duration kTimeLimit = std::chrono::seconds(60);  // the server's own patience is 300 s

    RequestRouter(const Executor& executor, Clock& clock, RequestTargets targets, config::HubSettings settings,
                  std::size_t max_send_bytes);

    // The handlers stay for the connection's life; the connection must not outlive this object.
    void attach(signalr::HubConnection& hub);
    // The handler that attach() registers for each target. Its result is never an error.
    [[nodiscard]] Task<Result<nlohmann::json>> receive(signalr::Invocation invocation);

    void update(const config::HubSettings& settings, std::size_t max_send_bytes);
    [[nodiscard]] const config::RequestKinds& allowed() const noexcept { return settings_.requests; }

    // Requests so far, by target and how they ended.
    using Counts = std::array<std::uint64_t, kRequestEndNames.size()>;
    [[nodiscard]] const std::map<std::string, Counts, std::less<>>& counts() const noexcept { return counts_; }

  private:
    struct Ended {
        RequestEnd end = RequestEnd::answered;
        nlohmann::json answer;
    };

    [[nodiscard]] Task<Ended> run(const RequestTarget& target, const Request& request);
    [[nodiscard]] Task<Ended> perform(const RequestTarget& target, const Request& request);

    Clock& clock_;
    RequestTargets targets_;
    config::HubSettings settings_;
    std::size_t max_send_bytes_;
    std::size_t running_ = 0;
    std::size_t waiting_ = 0;
    Event slot_free_;
    std::map<std::string, Counts, std::less<>> counts_;
};

}  // namespace jiro::daemon
