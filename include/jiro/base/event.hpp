// SPDX-License-Identifier: MIT
#pragma once
// "Something changed": coroutines wait, anyone notifies. Single-threaded; conditions are checked in a loop around
// wait(), so no notification can be missed between the check and the wait.

#include <boost/asio/steady_timer.hpp>

#include "jiro/base/task.hpp"

namespace jiro {

class Event {
  public:
    explicit Event(const Executor& executor) : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

    // Throws operation_aborted when the waiting coroutine is cancelled.
    [[nodiscard]] Task<> wait();
    void notify() { timer_.cancel(); }

  private:
    boost::asio::steady_timer timer_;  // never expires; cancelling it wakes all who wait
};

// For what has nothing to do of its own: ends by a cancellation only.
[[nodiscard]] Task<> until_cancelled();

}  // namespace jiro
