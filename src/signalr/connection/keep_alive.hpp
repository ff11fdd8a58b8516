// SPDX-License-Identifier: MIT
#pragma once
// When to send a Ping and when to give the server up. Pure: the session tells what happened, and asks at each deadline.

#include <algorithm>

#include "jiro/base/clock.hpp"

namespace jiro::signalr {

class KeepAlive {
  public:
    KeepAlive(Duration interval, Duration server_timeout, TimePoint now)
        : interval_(interval), server_timeout_(server_timeout), sent_at_(now), received_at_(now) {}

    void sent(TimePoint now) noexcept { sent_at_ = now; }
    void received(TimePoint now) noexcept { received_at_ = now; }  // a complete record of any type

    // While we do not read (back-pressure) the server cannot be heard: its silence does not count.
    void reading_paused() noexcept { paused_ = true; }
    void reading_resumed(TimePoint now) noexcept {
        paused_ = false;
        received_at_ = now;
    }

    [[nodiscard]] bool ping_due(TimePoint now) const noexcept { return now - sent_at_ >= interval_; }
    [[nodiscard]] bool server_is_silent(TimePoint now) const noexcept {
        return !paused_ && now - received_at_ >= server_timeout_;
    }
    [[nodiscard]] TimePoint received_at() const noexcept { return received_at_; }

    // When to look again.
    [[nodiscard]] TimePoint next_deadline() const noexcept {
        const auto ping = sent_at_ + interval_;
        return paused_ ? ping : std::min(ping, received_at_ + server_timeout_);
    }

  private:
    Duration interval_;
    Duration server_timeout_;
    TimePoint sent_at_;
    TimePoint received_at_;
    bool paused_ = false;
};

}  // namespace jiro::signalr
