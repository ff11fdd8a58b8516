// SPDX-License-Identifier: MIT
#pragma once
// What the kernel says of a process: /proc/PID/stat and /proc/PID/status.

#include <sys/types.h>
#include <cstdint>
#include <optional>

namespace jiro::bench {

struct ProcessFigures {
    double user_seconds = 0;
    double system_seconds = 0;
    std::int64_t resident_kb = 0;
    std::int64_t peak_kb = 0;
    int threads = 0;

    [[nodiscard]] double cpu_seconds() const { return user_seconds + system_seconds; }
};

// Nothing: there is no such process (any more).
[[nodiscard]] std::optional<ProcessFigures> read_process(pid_t pid);

}  // namespace jiro::bench
