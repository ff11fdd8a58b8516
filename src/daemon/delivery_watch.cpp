// SPDX-License-Identifier: MIT
#include "daemon/delivery_watch.hpp"

#include <algorithm>

#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

DeliveryWatch::Wait DeliveryWatch::expect(const std::string& command_sync_id) {
    forget_abandoned();
    auto& known = waits_[command_sync_id];
    auto confirmation = known.lock();
    if (!confirmation) {
        confirmation = std::make_shared<Wait::Confirmation>(executor_);
        known = confirmation;
    }
    return Wait(clock_, std::move(confirmation));
}

void DeliveryWatch::delivered(const std::string& command_sync_id) {
    const auto found = waits_.find(command_sync_id);
    if (found == waits_.end()) return;
    if (const auto confirmation = found->second.lock()) {
        confirmation->is_there = true;
        confirmation->changed.notify();
    }
    waits_.erase(found);
}

void DeliveryWatch::forget_abandoned() {
    if (waits_.size() < look_at_) return;
    std::erase_if(waits_, [](const auto& wait) { return wait.second.expired(); });
    look_at_ = std::max<std::size_t>(64, 2 * waits_.size());
}

Task<bool> DeliveryWatch::Wait::until(TimePoint deadline) const {
    const auto confirmation = confirmation_;
    auto& clock = clock_;
    while (!confirmation->is_there) {
        const auto left = deadline - clock.now();
        if (left <= Duration::zero()) co_return false;
        auto change = confirmation->changed.wait();
        const bool in_time = co_await with_timeout(clock, left, std::move(change));
        if (!in_time && !confirmation->is_there) co_return false;
    }
    co_return true;
}

}  // namespace jiro::daemon
