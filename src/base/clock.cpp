#include "jiro/base/clock.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace jiro {

Task<> SystemClock::sleep_until(TimePoint deadline) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, deadline);
    co_await timer.async_wait(boost::asio::use_awaitable);
}

}  // namespace jiro
