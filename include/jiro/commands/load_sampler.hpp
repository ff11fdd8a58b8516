// SPDX-License-Identifier: MIT
#pragma once
// CPU and memory use of this machine over the last minutes, for the command `load`. The daemon runs `run()` beside its
// other activities; a sample costs two small reads of /proc. Event loop only; destroy it after
// run() has ended.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>

#include "jiro/base/clock.hpp"

namespace jiro::commands {

// In KiB; zero: it is not there.
struct MachineMemory {
    std::uint64_t total = 0;
    std::uint64_t available = 0;
    std::uint64_t swap_total = 0;
    std::uint64_t swap_free = 0;
};
[[nodiscard]] MachineMemory read_memory(const std::filesystem::path& proc = "/proc");

class LoadSampler {
  public:
    struct Sample {
        WallTime time;
        double cpu_percent = 0;     // of all CPUs, since the sample before (the first one: since boot)
        double memory_percent = 0;  // used = total - available
        double load_1min = 0;
    };

    explicit LoadSampler(Clock& clock, Duration interval = std::chrono::seconds(5), std::size_t capacity = 120,
                         std::filesystem::path proc = "/proc");

    // Samples until it is cancelled. A value that cannot be read is left at zero.
    [[nodiscard]] Task<> run();

    void take_sample();
    [[nodiscard]] const std::deque<Sample>& samples() const noexcept { return samples_; }
    [[nodiscard]] Duration interval() const noexcept { return interval_; }

  private:
    Clock& clock_;
    Duration interval_;
    std::size_t capacity_;
    std::filesystem::path proc_;
    std::deque<Sample> samples_;
    unsigned long long busy_before_ = 0;
    unsigned long long total_before_ = 0;
};

}  // namespace jiro::commands
