// SPDX-License-Identifier: MIT
#pragma once
// The development hub's log lines: one for each event, on standard error.

#include "jiro/base/log.hpp"

namespace jiro::dev_hub {

inline const log::Logger logger{"dev_hub"};

}  // namespace jiro::dev_hub
