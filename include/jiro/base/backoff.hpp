// SPDX-License-Identifier: MIT
#pragma once
// How long to wait before the next attempt: exponential, capped, full jitter. Pure. Used by the hub connection and by
// the delivery courier. The cap comes before the jitter; the other order makes all delays equal once the cap is
// reached.

#include "jiro/base/clock.hpp"
#include "jiro/base/random.hpp"

namespace jiro {

struct BackoffSettings {
    Duration initial{};  // upper bound of the delay before attempt 1
    Duration cap{};      // upper bound of every delay
    Duration floor{};    // lower bound of every delay; zero: none
};

// The upper bound of the delay before attempt `attempt` (1, 2, ...): min(cap, initial * 2^(attempt-1)). Never
// overflows.
[[nodiscard]] Duration backoff_ceiling(const BackoffSettings& settings, int attempt);

// Uniform in [floor, backoff_ceiling].
[[nodiscard]] Duration backoff_delay(const BackoffSettings& settings, int attempt, RandomSource& random);

}  // namespace jiro
