// SPDX-License-Identifier: MIT
#include "support/manual_clock.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace jiro::test {

Task<> ManualClock::sleep_until(TimePoint deadline) {
    if (deadline <= now_) co_return;
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                    boost::asio::steady_timer::time_point::max());
    const auto sleeper = sleepers_.insert(sleepers_.end(), {deadline, &timer});
    const auto [error] = co_await timer.async_wait(kNoThrow);
    sleepers_.erase(sleeper);
    if (now_ < deadline) throw boost::system::system_error(error);
}

void ManualClock::advance(Duration duration) {
    now_ += duration;
    boot_now_ += duration;
    wall_now_ += std::chrono::duration_cast<WallTime::duration>(duration);
    for (const Sleeper& sleeper : sleepers_) {
        if (sleeper.deadline <= now_) sleeper.timer->cancel();
    }
}

TimePoint ManualClock::next_deadline() const {
    const auto earliest = std::ranges::min_element(sleepers_, {}, &Sleeper::deadline);
    return earliest == sleepers_.end() ? TimePoint::max() : earliest->deadline;
}

}  // namespace jiro::test
