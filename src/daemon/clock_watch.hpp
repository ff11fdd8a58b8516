// SPDX-License-Identifier: MIT
#pragma once
// Notices when somebody sets the wall clock (a network time service on a machine without a clock of its own, or by
// hand), says so in the log, and has the outbox take it down. Nothing else depends on it: ages are elapsed time.

#include "jiro/base/clock.hpp"
#include "jiro/base/task.hpp"
#include "jiro/delivery/outbox.hpp"

namespace jiro::daemon {

[[nodiscard]] Task<> watch_wall_clock(Clock& clock, delivery::Outbox& outbox);  // until cancelled

}  // namespace jiro::daemon
