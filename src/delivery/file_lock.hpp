// SPDX-License-Identifier: MIT
#pragma once
// Locks of files that `jiro-client doctor` may hold for an instant, to look at what they guard: another daemon holds
// them longer than that.

#include <sys/file.h>

#include <chrono>
#include <thread>

namespace jiro::delivery {

// False: somebody else has it, also after 200 ms. Blocks that long; for a start.
[[nodiscard]] inline bool lock_patiently(int descriptor) {
    for (int i = 0; i < 10; ++i) {
        if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

}  // namespace jiro::delivery
