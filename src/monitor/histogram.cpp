// SPDX-License-Identifier: MIT
#include "jiro/monitor/histogram.hpp"

#include <algorithm>
#include <numeric>

namespace jiro::monitor {

namespace {

std::size_t bucket_of(Duration duration) {
    const auto bound = std::ranges::lower_bound(kBucketSeconds, std::chrono::duration<double>(duration).count());
    return static_cast<std::size_t>(bound - kBucketSeconds.begin());
}

}  // namespace

void HistogramReading::add(Duration duration) {
    duration = std::max(duration, Duration::zero());
    ++buckets[bucket_of(duration)];
    sum_seconds += std::chrono::duration<double>(duration).count();
}

std::uint64_t HistogramReading::count() const {
    return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

double HistogramReading::quantile_seconds(double quantile) const {
    const double wanted = quantile * static_cast<double>(count());
    if (wanted <= 0) return 0;
    double seen = 0;
    for (std::size_t i = 0; i < kBucketSeconds.size(); ++i) {
        const auto in_bucket = static_cast<double>(buckets[i]);
        if (seen + in_bucket >= wanted && in_bucket > 0) {
            const double low = i == 0 ? 0 : kBucketSeconds[i - 1];
            return low + (kBucketSeconds[i] - low) * (wanted - seen) / in_bucket;
        }
        seen += in_bucket;
    }
    return kBucketSeconds.back();
}

void Histogram::record(Duration duration) {
    duration = std::max(duration, Duration::zero());
    buckets_[bucket_of(duration)].fetch_add(1, std::memory_order_relaxed);
    sum_nanoseconds_.fetch_add(std::chrono::nanoseconds(duration).count(), std::memory_order_relaxed);
}

HistogramReading Histogram::read() const {
    HistogramReading reading;
    for (std::size_t i = 0; i < buckets_.size(); ++i) reading.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    reading.sum_seconds = static_cast<double>(sum_nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
    return reading;
}

}  // namespace jiro::monitor
