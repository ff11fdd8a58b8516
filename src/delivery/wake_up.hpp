// SPDX-License-Identifier: MIT
#pragma once
// Something that a coroutine of the event loop waits for and others announce. An announcement with nobody waiting is
// kept.

#include <boost/asio/steady_timer.hpp>
#include "jiro/base/task.hpp"

#include "jiro/base/with_timeout.hpp"

namespace jiro::delivery {

class WakeUp {
  public:
    explicit WakeUp(const Executor& executor) : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

    void announce() {
        is_announced_ = true;
        timer_.cancel();
    }

    // Returns when it was announced since the last wait, or at `deadline`.
    Task<> wait_until(Clock& clock, TimePoint deadline) {
        if (!is_announced_ && clock.now() < deadline) co_await with_timeout(clock, deadline - clock.now(), wait());
        is_announced_ = false;
    }

  private:
    // The timer never expires: it ends by announce() or by cancellation.
    Task<> wait() {
        if (is_announced_) co_return;
        const auto ended = co_await timer_.async_wait(kNoThrow);
        static_cast<void>(ended);
    }

    boost::asio::steady_timer timer_;
    bool is_announced_ = false;
};

}  // namespace jiro::delivery
