// SPDX-License-Identifier: MIT
#pragma once
// The loggers of the daemon's parts.

#include "jiro/base/log.hpp"

namespace jiro::daemon {

inline const log::Logger daemon_log{"daemon"};
inline const log::Logger hub_log{"hub"};
inline const log::Logger intake_log{"intake"};
inline const log::Logger reload_log{"reload"};
inline const log::Logger outbox_log{"outbox"};

}  // namespace jiro::daemon
