// SPDX-License-Identifier: MIT
#include "daemon/delivery_watch.hpp"

#include <algorithm>

#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

DeliveryWatch::Wait DeliveryWatch::expect(const std::string& command_sync_id) {
    forget_abandoned();
    auto& known = waits_[command_sync_id];
    auto fate = known.lock();
    if (!fate) {
        fate = std::make_shared<Wait::Fate>(executor_);
        known = fate;
    }
    return Wait(clock_, std::move(fate));
}

void DeliveryWatch::became(const std::string& command_sync_id, DeliveryState state) {
    const auto found = waits_.find(command_sync_id);
    if (found == waits_.end()) return;
    if (const auto fate = found->second.lock()) {
        fate->state = state;
        fate->changed.notify();
    }
    waits_.erase(found);
}

void DeliveryWatch::stop() {
    while (!waits_.empty()) became(std::string(waits_.begin()->first), DeliveryState::waiting);
}

void DeliveryWatch::forget_abandoned() {
    if (waits_.size() < look_at_) return;
    std::erase_if(waits_, [](const auto& wait) { return wait.second.expired(); });
    look_at_ = std::max<std::size_t>(64, 2 * waits_.size());
}

Task<std::optional<DeliveryState>> DeliveryWatch::Wait::until(TimePoint deadline) const {
    const auto fate = fate_;
    auto& clock = clock_;
    for (auto left = deadline - clock.now(); !fate->state && left > Duration::zero(); left = deadline - clock.now()) {
        auto change = fate->changed.wait();
        co_await with_timeout(clock, left, std::move(change));
    }
    co_return fate->state;
}

}  // namespace jiro::daemon
