// SPDX-License-Identifier: MIT
#include "daemon/clock_watch.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/log.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/race.hpp"

namespace jiro::daemon {

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr Duration kLookAgain = 10s;  // also without the kernel's word
constexpr Duration kWorthMentioning = 1s;

// A timer on the wall clock that never fires: the kernel cancels it, and so wakes who waits, when the clock is set.
class ClockSetAlarm {
  public:
    explicit ClockSetAlarm(const Executor& executor) : timer_(executor) {
        const int descriptor = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        if (descriptor >= 0) timer_.assign(descriptor);
        arm();
    }

    // Without a timer: until cancelled.
    Task<> wait() {
        if (!timer_.is_open()) co_await until_cancelled();
        co_await timer_.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
        std::array<char, 8> ignored{};
        [[maybe_unused]] const auto size = read(timer_.native_handle(), ignored.data(), ignored.size());
        arm();
    }

  private:
    void arm() {
        itimerspec never{};
        never.it_value.tv_sec = 1LL << 33U;  // in the year 2242
        if (!timer_.is_open()) return;
        timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
    }

    asio::posix::stream_descriptor timer_;
};

Duration wall_since_boot(const Clock& clock) { return clock.wall_now().time_since_epoch() - clock.boot_now(); }

}  // namespace

Task<> watch_wall_clock(Clock& clock, delivery::Outbox& outbox) {
    ClockSetAlarm alarm(co_await asio::this_coro::executor);
    Duration before = wall_since_boot(clock);
    for (;;) {
        auto set = alarm.wait();
        auto look = clock.sleep_for(kLookAgain);
        co_await race(std::move(set), std::move(look));
        const Duration after = wall_since_boot(clock);
        const Duration by = after - before;
        before = after;
        if (std::chrono::abs(by) < kWorthMentioning) continue;
        daemon_log.warn("The wall clock was set; ages of commands and results go on as elapsed time",
                        {{"by_seconds", std::chrono::duration_cast<std::chrono::seconds>(by).count()}});
        static_cast<void>(co_await outbox.next_due());  // what it is asked for carries the new time to it
    }
}

}  // namespace jiro::daemon
