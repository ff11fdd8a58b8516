// SPDX-License-Identifier: MIT
#pragma once
// The loggers of commands: their lives, and the programs that they run.

#include "jiro/base/log.hpp"

namespace jiro::commands {

inline const log::Logger commands_log{"commands"};
inline const log::Logger exec_log{"exec"};

}  // namespace jiro::commands
