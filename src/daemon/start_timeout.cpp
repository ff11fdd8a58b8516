// SPDX-License-Identifier: MIT
#include "daemon/start_timeout.hpp"

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
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
        daemon_log.warn("No thread to ask systemd for time with (TasksMax?)", {{"reason", error.what()}});
    }
}

StartTimeoutExtender::~StartTimeoutExtender() {
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
    }
    over_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void StartTimeoutExtender::run() {
    std::unique_lock lock(mutex_);
    while (!over_.wait_for(lock, interval_, [this] { return is_over_; })) ask_(3 * interval_);
}

}  // namespace jiro::daemon
