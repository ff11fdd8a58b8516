// SPDX-License-Identifier: MIT
#pragma once
// The SignalR client's logger.

#include "jiro/base/log.hpp"

namespace jiro::signalr {

inline const log::Logger signalr_log{"signalr"};

}  // namespace jiro::signalr
