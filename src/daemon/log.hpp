// SPDX-License-Identifier: MIT
#pragma once
// The loggers of the daemon's parts.

#include "jiro/base/log.hpp"

namespace jiro::daemon {

inline constexpr log::Logger daemon_log{"daemon"};
inline constexpr log::Logger intake_log{"intake"};
inline constexpr log::Logger reload_log{"reload"};
inline constexpr log::Logger outbox_log{"outbox"};

}  // namespace jiro::daemon
