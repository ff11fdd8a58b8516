// SPDX-License-Identifier: MIT
#include "signalr/connection/connection_fsm.hpp"

#include <algorithm>

#include "jiro/base/backoff.hpp"

namespace jiro::signalr {

namespace {

constexpr Duration kRestartSpreadFrom = std::chrono::seconds(5);
constexpr Duration kRestartSpreadTo = std::chrono::seconds(30);

// A hub that restarts says so to everybody at once: come later than after a crash, never earlier, so the spread is not
// less than what the owner of a large fleet has set.
Duration restart_delay(const Settings& settings, RandomSource& random) {
    return random.between(kRestartSpreadFrom, std::max<Duration>(kRestartSpreadTo, settings.reconnection_delay));
}

// Retry-After is given to a whole fleet at once: come not earlier, and not all together.
Duration not_before(const Failure& failure, Duration delay, const Settings& settings, RandomSource& random) {
    if (!failure.retry_after) return delay;
    return std::max(delay, *failure.retry_after + random.between(Duration::zero(), settings.reconnection_delay));
}

}  // namespace

Transition ConnectionFsm::start(TimePoint now) {
    attempts_ = 0;
    retries_ = -1;  // the first attempt of a start is no retry
    failing_since_ = now;
    return go(State::connecting, Duration::zero());
}

Transition ConnectionFsm::attempt_failed(const Settings& settings, const Failure& failure, TimePoint now) {
    if (failure.rejected) return fail(settings, failure);
    ++retries_;
    const auto delay = next_delay(settings, failure, now);
    return delay ? go(state_, delay) : fail(settings, failure);
}

Transition ConnectionFsm::opened(TimePoint now) {
    connected_since_ = now;
    return go(State::connected);
}

Transition ConnectionFsm::lost(const Settings& settings, const Failure& failure, TimePoint now) {
    if (now - connected_since_ >= kStableAfter) attempts_ = 0;
    retries_ = 0;
    failing_since_ = now;
    if (failure.rejected) return fail(settings, failure);
    const auto delay = next_delay(settings, failure, now);
    return delay ? go(State::reconnecting, delay) : fail(settings, failure);
}

Transition ConnectionFsm::restarted(TimePoint now) {
    attempts_ = 0;
    retries_ = -1;  // tried at once: no retry either
    failing_since_ = now;
    return go(State::reconnecting, Duration::zero());
}

Transition ConnectionFsm::stopping() { return go(State::disconnecting); }

Transition ConnectionFsm::stopped() { return go(State::disconnected); }

Transition ConnectionFsm::go(State to, std::optional<Duration> delay) {
    const Transition transition{state_, to, delay};
    state_ = to;
    return transition;
}

Transition ConnectionFsm::fail(const Settings& settings, const Failure& failure) {
    const Duration whole = settings.failed_retry_delay;
    return go(State::failed, not_before(failure, random_.between(whole / 2, whole), settings, random_));
}

std::optional<Duration> ConnectionFsm::next_delay(const Settings& settings, const Failure& failure, TimePoint now) {
    if (policy_) {
        try {
            return policy_(RetryContext{retries_, now - failing_since_, &failure.error});
        } catch (...) {
            return std::nullopt;
        }
    }
    const int most = settings.max_reconnection_attempts;
    if (most >= 0 && attempts_ >= most) return std::nullopt;
    // The first attempt after the loss, however short the connection was: a hub may restart twice in a minute.
    if (retries_ == 0 && failure.close_code == kServiceRestart) {
        return not_before(failure, restart_delay(settings, random_), settings, random_);
    }
    const BackoffSettings backoff{settings.reconnection_delay, settings.max_reconnection_delay, Duration::zero()};
    return not_before(failure, backoff_delay(backoff, attempts_ + 1, random_), settings, random_);
}

}  // namespace jiro::signalr
