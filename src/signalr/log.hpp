// SPDX-License-Identifier: MIT
#pragma once
// The SignalR client's logger.

#include "jiro/base/log.hpp"

namespace jiro::signalr {

inline constexpr log::Logger signalr_log{"signalr"};

}  // namespace jiro::signalr
