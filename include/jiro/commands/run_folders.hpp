// SPDX-License-Identifier: MIT
#pragma once
// Each run of a program has a folder of its own for temporary files (src/commands/exec/run_folder.hpp).

#include "jiro/base/clock.hpp"
#include "jiro/base/task.hpp"

namespace jiro::commands {

// At the start of a process: removes the folders that killed ones left behind. On another thread; cancellable.
[[nodiscard]] Task<> remove_left_run_folders(Clock& clock);

}  // namespace jiro::commands
