// SPDX-License-Identifier: MIT
#pragma once
// How many results may be on their way at once, and when the next one may go: one gate for the whole channel, so that
// an outage costs one probe at a time and not one per result. Pure: told what happened and when, asked what is allowed.
//
//     open:    1, 2, 4, ... max_window in flight, growing with successes, halved by a failure
//     probing: the server is away: one at a time, after a growing jittered delay; a success opens
//     parked:  the server refuses us: as probing, every 1 to 15 minutes

#include <cstddef>
#include <string>

#include "delivery/retry_policy.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/random.hpp"
#include "jiro/delivery/courier.hpp"

namespace jiro::delivery {

struct GateRules {
    Duration probe_delay{};  // upper bound of the first probe's delay; doubles
    Duration probe_cap = std::chrono::minutes(1);
    Duration park_delay = std::chrono::minutes(1);
    Duration park_cap = std::chrono::minutes(15);
    std::size_t max_window = 64;
    int failures_to_close = 4;  // `away` in a row, without a success between
    int results_to_close = 8;   // different results in a row that failed, for whatever reason
};

class ChannelGate {
  public:
    ChannelGate(GateRules rules, RandomSource& random) : rules_(rules), random_(random) {}

    // How many calls may be in flight at `now`.
    [[nodiscard]] std::size_t window(TimePoint now) const;
    // When the next probe may start; in the past when the gate is open.
    [[nodiscard]] TimePoint next_probe() const noexcept { return next_probe_; }
    [[nodiscard]] ChannelState state() const noexcept { return state_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

    // True when this opened the gate.
    bool succeeded();
    // True when this closed the gate or changed what it waits for. `started` is when the failed call began (calls that
    // began before the gate closed tell nothing new), `is_first` whether it was the result's first failure.
    // `at_least` is the delay that the server asked for; it counts up to park_cap.
    bool failed(TimePoint now, TimePoint started, ChannelHint hint, bool is_first, const std::string& reason,
                Duration at_least = {});
    // After a reload; for what happens from now on.
    void set_rules(GateRules rules) noexcept { rules_ = rules; }
    // The next probe may go at once: settings were reloaded.
    void retry_now(TimePoint now);

  private:
    bool close(TimePoint now, ChannelState state, const std::string& reason, Duration at_least);

    GateRules rules_;
    RandomSource& random_;
    ChannelState state_ = ChannelState::open;
    std::string reason_;
    std::size_t window_ = 1;
    std::size_t successes_in_window_ = 0;
    int away_in_a_row_ = 0;
    int results_in_a_row_ = 0;
    int failed_probes_ = 0;
    TimePoint closed_since_{};
    TimePoint next_probe_{};
};

}  // namespace jiro::delivery
