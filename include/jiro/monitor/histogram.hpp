// SPDX-License-Identifier: MIT
#pragma once
// How long things take, as Prometheus wants it: counts by fixed upper bounds, and the sum. One thread records (the
// event loop), any thread reads; neither waits for the other.

#include <array>
#include <atomic>
#include <cstdint>

#include "jiro/base/clock.hpp"

namespace jiro::monitor {

// Upper bounds in seconds. From what a built-in command needs to what a long exec command may take; the last bucket of
// a histogram is +Inf.
inline constexpr std::array<double, 14> kBucketSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                          0.25,  0.5,    1.0,   5.0,  15.0,  60.0, 300.0};

struct HistogramReading {
    std::array<std::uint64_t, kBucketSeconds.size() + 1> buckets{};  // not cumulative; the last is beyond every bound
    double sum_seconds = 0;

    void add(Duration duration);  // what Histogram::record does, where one thread does everything
    [[nodiscard]] std::uint64_t count() const;
    // An estimate by linear interpolation within a bucket; 0 when nothing was recorded. `quantile` in [0, 1].
    [[nodiscard]] double quantile_seconds(double quantile) const;
};

class Histogram {
  public:
    void record(Duration duration);  // negative durations count as zero
    [[nodiscard]] HistogramReading read() const;

  private:
    std::array<std::atomic<std::uint64_t>, kBucketSeconds.size() + 1> buckets_{};
    std::atomic<std::int64_t> sum_nanoseconds_{0};
};

}  // namespace jiro::monitor
