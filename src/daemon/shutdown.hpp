// SPDX-License-Identifier: MIT
#pragma once
// SIGTERM and SIGINT as something to await. The first asks for an orderly stop, the second for one at once. Event loop
// only. And what becomes of signals that come before anybody can await them.

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "jiro/base/task.hpp"

namespace jiro::daemon {

// From the first line of main on: SIGHUP (a reload) and SIGTERM (a stop) wait for take_signals(). By their default they
// would end a daemon that is still opening its outbox, without a word.
void hold_signals();

// Whoever handles them is there, or the program is one that signals may end. Those that waited come now.
void take_signals();

// As long as it is there, no signal that the daemon takes ends the process by itself: not in the last moments of a stop
// either, when nobody waits for one any more.
class CaughtSignals {
  public:
    explicit CaughtSignals(const Executor& executor) : signals_(executor, SIGHUP, SIGTERM, SIGINT) {}

  private:
    boost::asio::signal_set signals_;
};

class ShutdownSignal {
  public:
    // From here on the signals no longer end the process by themselves.
    explicit ShutdownSignal(const Executor& executor);

    // Returns at the next of them. Cancellable.
    [[nodiscard]] Task<> wait();

  private:
    boost::asio::signal_set signals_;
};

}  // namespace jiro::daemon
