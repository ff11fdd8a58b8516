// SPDX-License-Identifier: MIT
#include "daemon/shutdown.hpp"

#include <csignal>

namespace jiro::daemon {

namespace {

void set_held(int how) {
    sigset_t held{};
    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGTERM);
    pthread_sigmask(how, &held, nullptr);
}

}  // namespace

void hold_signals() { set_held(SIG_BLOCK); }

void take_signals() { set_held(SIG_UNBLOCK); }

ShutdownSignal::ShutdownSignal(const Executor& executor) : signals_(executor, SIGTERM, SIGINT) {}

Task<> ShutdownSignal::wait() { co_await signals_.async_wait(kAwait); }

}  // namespace jiro::daemon
