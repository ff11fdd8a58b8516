// SPDX-License-Identifier: MIT
#include "daemon/service_notifier.hpp"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <utility>

#include "jiro/base/peer_text.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon {

namespace {

std::string monotonic_usec() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::to_string(static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000);
}

}  // namespace

void ServiceNotifier::notify(std::string state) {
    const std::string kind = state.substr(0, state.find('='));
    queue_.send(kind, std::move(state));
}

void ServiceNotifier::ready() {
    if (!is_stopping_) notify("READY=1");
}

void ServiceNotifier::status(std::string_view text) {
    queue_.retry();
    if (text == last_status_) return;
    last_status_ = text;
    // A line break in it would begin an assignment of its own: texts of others, such as a mistyped key, are in it.
    notify("STATUS=" + shortened(escaped(text)));
}

void ServiceNotifier::reloading() {
    if (!is_stopping_) notify("RELOADING=1\nMONOTONIC_USEC=" + monotonic_usec());
}

void ServiceNotifier::stopping() {
    is_stopping_ = true;
    notify("STOPPING=1");
}

void ServiceNotifier::extend_timeout(std::chrono::microseconds time) {
    notify("EXTEND_TIMEOUT_USEC=" + std::to_string(time.count()));
}

void ServiceNotifier::watchdog() { notify("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> ServiceNotifier::watchdog_interval() {
    std::uint64_t limit = 0;
    if (sd_watchdog_enabled(0, &limit) <= 0) return std::nullopt;
    return std::chrono::microseconds(limit / 3);
}

}  // namespace jiro::daemon
