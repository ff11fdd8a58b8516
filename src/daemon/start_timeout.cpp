// SPDX-License-Identifier: MIT
#include "daemon/start_timeout.hpp"

#include <condition_variable>
#include <mutex>
#include <system_error>

#include "daemon/log.hpp"
#include "daemon/service_notifier.hpp"

namespace jiro::daemon {

namespace {

using namespace std::chrono_literals;

constexpr auto kAskEvery = 10s;

void ask_systemd(std::chrono::microseconds time) {
    ServiceNotifier().extend_timeout(time);
    daemon_log.info("Still opening the outbox");
}

}  // namespace

StartTimeoutExtender::StartTimeoutExtender() : StartTimeoutExtender(kAskEvery, ask_systemd) {}

StartTimeoutExtender::StartTimeoutExtender(std::chrono::milliseconds interval, Ask ask)
    : interval_(interval), ask_(std::move(ask)) {
    try {
        thread_ = std::jthread([this](const std::stop_token& over) { run(over); });
    } catch (const std::system_error& error) {
        daemon_log.warn("No thread to ask systemd for time with (TasksMax?)", {{"reason", error.what()}});
    }
}

void StartTimeoutExtender::run(const std::stop_token& over) const {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any wake_up;
    const auto is_over = [&over] { return over.stop_requested(); };
    while (!wake_up.wait_for(lock, over, interval_, is_over)) ask_(3 * interval_);
}

}  // namespace jiro::daemon
