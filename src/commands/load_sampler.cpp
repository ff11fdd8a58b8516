// SPDX-License-Identifier: MIT
#include "jiro/commands/load_sampler.hpp"

#include <fstream>
#include <string>

namespace jiro::commands {

LoadSampler::LoadSampler(Clock& clock, Duration interval, std::size_t capacity, std::filesystem::path proc)
    : clock_(clock), interval_(interval), capacity_(capacity), proc_(std::move(proc)) {
    take_sample();
}

Task<> LoadSampler::run() {
    for (;;) {
        co_await clock_.sleep_for(interval_);
        take_sample();
    }
}

MachineMemory read_memory(const std::filesystem::path& proc) {
    MachineMemory memory;
    std::ifstream lines(proc / "meminfo");
    std::string label;
    std::string rest;
    for (std::uint64_t kibibytes = 0; lines >> label >> kibibytes;) {
        std::getline(lines, rest);
        if (label == "MemTotal:") memory.total = kibibytes;
        if (label == "MemAvailable:") memory.available = kibibytes;
        if (label == "SwapTotal:") memory.swap_total = kibibytes;
        if (label == "SwapFree:") memory.swap_free = kibibytes;
    }
    return memory;
}

void LoadSampler::take_sample() {
    Sample sample{.time = clock_.wall_now()};

    // "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guest is part of user already.
    std::ifstream stat(proc_ / "stat");
    std::string label;
    stat >> label;
    unsigned long long total = 0;
    unsigned long long idle = 0;
    for (int column = 0; column < 8; ++column) {
        unsigned long long ticks = 0;
        if (!(stat >> ticks)) break;
        total += ticks;
        if (column == 3 || column == 4) idle += ticks;
    }
    const auto busy = total - idle;
    if (total > total_before_ && busy >= busy_before_) {
        sample.cpu_percent =
            100.0 * static_cast<double>(busy - busy_before_) / static_cast<double>(total - total_before_);
    }
    busy_before_ = busy;
    total_before_ = total;

    const auto memory = read_memory(proc_);
    const auto total_memory = static_cast<double>(memory.total);
    if (total_memory > 0) {
        sample.memory_percent = 100.0 * (total_memory - static_cast<double>(memory.available)) / total_memory;
    }

    std::ifstream(proc_ / "loadavg") >> sample.load_1min;

    samples_.push_back(sample);
    if (samples_.size() > capacity_) samples_.pop_front();
}

}  // namespace jiro::commands
