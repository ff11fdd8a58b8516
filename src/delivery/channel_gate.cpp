// SPDX-License-Identifier: MIT
#include "delivery/channel_gate.hpp"

#include <algorithm>

#include "jiro/base/backoff.hpp"

namespace jiro::delivery {

namespace {

constexpr int kMostDoublingsOfAnswers = 3;

}  // namespace

std::size_t ChannelGate::window(TimePoint now) const {
    if (state_ == ChannelState::open) return window_;
    return now >= next_probe_ ? 1 : 0;
}

bool ChannelGate::succeeded() {
    away_in_a_row_ = 0;
    results_in_a_row_ = 0;
    if (state_ != ChannelState::open) {
        state_ = ChannelState::open;
        reason_.clear();
        failed_probes_ = 0;
        window_ = 1;
        successes_in_window_ = 0;
        return true;
    }
    // After as many successes as the window is wide, it doubles: 1, 2, 4, 8, ...
    if (++successes_in_window_ >= window_ && window_ < rules_.max_window) {
        window_ = std::min(window_ * 2, rules_.max_window);
        successes_in_window_ = 0;
    }
    return false;
}

bool ChannelGate::failed(TimePoint now, TimePoint started, ChannelHint hint, bool is_first, const std::string& reason,
                         Duration at_least) {
    if (state_ != ChannelState::open && started < closed_since_) return false;
    if (hint == ChannelHint::content) {
        next_probe_ = std::min(next_probe_, now);  // another result may do
        return false;
    }
    if (hint == ChannelHint::refuses) return close(now, ChannelState::parked, reason, at_least);
    if (state_ != ChannelState::open) {
        // An answer: each other result has its probe soon, for it may be about this one only.
        if (hint == ChannelHint::result) failed_probes_ = std::min(failed_probes_, kMostDoublingsOfAnswers);
        return close(now, ChannelState::probing, reason, at_least);
    }

    window_ = std::max<std::size_t>(1, window_ / 2);
    successes_in_window_ = 0;
    if (is_first) ++results_in_a_row_;
    if (hint == ChannelHint::away) ++away_in_a_row_;
    if (away_in_a_row_ < rules_.failures_to_close && results_in_a_row_ < rules_.results_to_close) return false;
    return close(now, ChannelState::probing, reason, at_least);
}

bool ChannelGate::close(TimePoint now, ChannelState state, const std::string& reason, Duration at_least) {
    const bool is_change = state_ != state;
    if (state_ == ChannelState::open) closed_since_ = now;
    if (is_change) failed_probes_ = 0;
    state_ = state;
    reason_ = reason;
    ++failed_probes_;
    const bool is_parked = state == ChannelState::parked;
    const BackoffSettings backoff{is_parked ? rules_.park_delay : rules_.probe_delay,
                                  is_parked ? rules_.park_cap : std::max(rules_.probe_cap, rules_.probe_delay)};
    const Duration ceiling = backoff_ceiling(backoff, failed_probes_);
    // A probe is one call: what the server asks for delays it by no more than a refusal would.
    next_probe_ = now + std::max(std::min(at_least, rules_.park_cap), random_.between(ceiling / 2, ceiling));
    return is_change;
}

void ChannelGate::retry_now(TimePoint now) {
    if (state_ != ChannelState::open) {
        next_probe_ = now;
        failed_probes_ = 0;
    }
}

}  // namespace jiro::delivery
