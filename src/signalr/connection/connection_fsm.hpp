// SPDX-License-Identifier: MIT
#pragma once
// The six states of the connection and the policy of when to try again, without sockets or timers: each function is one
// event and returns the transition it makes and, where there is one, the delay before the next attempt.
//
//     Disconnected -> Connecting -> Connected -> Reconnecting -> Connected
//     Connecting, Reconnecting -> Failed -> Connecting          (attempts used up, or rejected)
//     Connected -> Failed              (hub Close without allowReconnect; attempts used up; a policy that gives up)
//     any -> Disconnecting -> Disconnected                      (stop)
//
// Policy: the delay before attempt n is U(0, min(cap, first * 2^(n-1))); the first attempt of a start has none;
// after WebSocket close 1012 (service restart) the first attempt, whatever n is, comes after U(5 s, max(30 s, first));
// Retry-After is a lower bound; n starts again only after 60 s of stable connection; after max_reconnection_attempts
// the state is Failed for U(half, whole) of failed_retry_delay. A retry policy replaces n by its own count, which
// starts again with each start and each loss: 0 is asked for the first retry.

#include <optional>

#include "jiro/base/random.hpp"
#include "jiro/signalr/hub_connection.hpp"
#include "signalr/connection/failure.hpp"

namespace jiro::signalr {

inline constexpr Duration kStableAfter = std::chrono::seconds(60);
inline constexpr std::uint16_t kServiceRestart = 1012;

struct Transition {
    State from;
    State to;
    std::optional<Duration> delay;  // before the next attempt
};

class ConnectionFsm {
  public:
    ConnectionFsm(RandomSource& random, RetryPolicy policy) : random_(random), policy_(std::move(policy)) {}

    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] int attempts() const noexcept { return attempts_; }

    Transition start(TimePoint now);  // from Disconnected or Failed
    void attempt_started() noexcept { ++attempts_; }
    Transition attempt_failed(const Settings& settings, const Failure& failure, TimePoint now);
    Transition opened(TimePoint now);
    Transition lost(const Settings& settings, const Failure& failure, TimePoint now);
    Transition restarted(TimePoint now);  // new settings: leave Connected, try at once
    Transition stopping();
    Transition stopped();

  private:
    Transition go(State to, std::optional<Duration> delay = std::nullopt);
    Transition fail(const Settings& settings, const Failure& failure);
    // nullopt: give up.
    std::optional<Duration> next_delay(const Settings& settings, const Failure& failure, TimePoint now);

    RandomSource& random_;
    RetryPolicy policy_;
    State state_ = State::disconnected;
    int attempts_ = 0;           // begun since the connection last was stable
    int retries_ = 0;            // failed since the start or the loss, for the policy
    TimePoint failing_since_{};  // the start or the loss
    TimePoint connected_since_{};
};

}  // namespace jiro::signalr
