// SPDX-License-Identifier: MIT
#pragma once
// Locks of files. `jiro-client doctor` takes one for an instant, so it is waited for; a running daemon keeps it longer
// than anybody waits.

#include <sys/file.h>

#include <chrono>
#include <thread>

namespace jiro::delivery {

[[nodiscard]] inline bool lock_at_once(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

// False: somebody else has it, also after 200 ms. Blocks that long; for a start.
[[nodiscard]] inline bool lock_patiently(int descriptor) {
    for (int i = 0; i < 10; ++i) {
        if (lock_at_once(descriptor)) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

}  // namespace jiro::delivery
