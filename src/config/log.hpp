// SPDX-License-Identifier: MIT
#pragma once
// The logger of what is read after the start: credentials.

#include "jiro/base/log.hpp"

namespace jiro::config {

inline const log::Logger config_log{"config"};

}  // namespace jiro::config
