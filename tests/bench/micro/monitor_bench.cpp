// SPDX-License-Identifier: MIT
// What a command's counting costs, and what a reader of the counters costs.
#include <benchmark/benchmark.h>

#include "jiro/monitor/command_queue_monitor.hpp"
#include "jiro/monitor/status.hpp"

namespace {

using namespace jiro;
using namespace jiro::monitor;

void count_command(benchmark::State& state) {
    CommandQueueMonitor monitor;
    const TimePoint now{};
    for (auto _ : state) {
        monitor.received();
        monitor.started("cmd-456-789", "echo", now);
        monitor.finished("cmd-456-789", Outcome::succeeded, Duration::zero(), Duration::zero());
    }
}
BENCHMARK(count_command);

void read_counts(benchmark::State& state) {
    CommandQueueMonitor monitor;
    for (int i = 0; i < 16; ++i) {
        monitor.received();
        monitor.started("cmd-" + std::to_string(i), "echo", {});
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(monitor.counts());
        benchmark::DoNotOptimize(monitor.running());
    }
}
BENCHMARK(read_counts);

void write_metrics(benchmark::State& state) {
    const Status status;
    for (auto _ : state) benchmark::DoNotOptimize(prometheus_text(status));
}
BENCHMARK(write_metrics);

}  // namespace
