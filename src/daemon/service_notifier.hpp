// SPDX-License-Identifier: MIT
#pragma once
// What the daemon tells systemd (sd_notify): ready, status line, reloading, stopping, alive. Does nothing when the
// process was not started by systemd with Type=notify. Never waits: what systemd does not take now goes out at a later
// call, in its order. Called by Application on the event loop, which calls status() every few seconds.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/notify_socket.hpp"

namespace jiro::daemon {

class ServiceNotifier {
  public:
    void ready();
    // The line that `systemctl status` shows, escaped; sent only when it differs from the last one.
    void status(std::string_view text);
    void reloading();  // carries MONOTONIC_USEC, so that Type=notify-reload works too
    void stopping();   // nothing of the two above from then on: a reload may end within a stop
    // Asks systemd for that much more time to stop, counted from now.
    void extend_timeout(std::chrono::microseconds time);

    void watchdog();
    // How often `watchdog` must be called: a third of WatchdogSec. Empty when the unit has no watchdog.
    [[nodiscard]] static std::optional<std::chrono::microseconds> watchdog_interval();

  private:
    void notify(std::string state);

    NotifyQueue queue_;
    std::string last_status_;
    bool is_stopping_ = false;
};

}  // namespace jiro::daemon
