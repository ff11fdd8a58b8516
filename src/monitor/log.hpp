// SPDX-License-Identifier: MIT
#pragma once
// The logger of the monitor and its HTTP server.

#include "jiro/base/log.hpp"

namespace jiro::monitor {

inline const log::Logger monitor_log{"monitor"};

}  // namespace jiro::monitor
