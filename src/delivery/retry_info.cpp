// SPDX-License-Identifier: MIT
#include "delivery/retry_info.hpp"

#include "retry_info.pb.h"

namespace jiro::delivery {

namespace {

std::optional<BoundedDuration> from_delay(const wire::RetryInfo::Delay& delay) {
    if (delay.seconds() < 0 || delay.nanos() < 0 || delay.nanos() > 999'999'999) return std::nullopt;
    const BoundedDuration whole{std::chrono::seconds(delay.seconds())};
    return BoundedDuration(whole.get() + std::chrono::nanoseconds(delay.nanos()));
}

}  // namespace

std::optional<BoundedDuration> retry_info(std::string_view status_details) {
    wire::Status status;
    if (!status.ParseFromArray(status_details.data(), static_cast<int>(status_details.size()))) return std::nullopt;
    std::optional<BoundedDuration> delay;
    for (const auto& detail : status.details()) {
        wire::RetryInfo info;
        const bool is_it = detail.type_url().ends_with("/google.rpc.RetryInfo") && info.ParseFromString(detail.value());
        if (is_it && info.has_retry_delay()) delay = from_delay(info.retry_delay());
    }
    return delay;
}

}  // namespace jiro::delivery
