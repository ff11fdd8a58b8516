// SPDX-License-Identifier: MIT
#include "jiro/base/event.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace jiro {

Task<> Event::wait() {
    static_cast<void>(co_await timer_.async_wait(kNoThrow));
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) {
        throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
}

Task<> until_cancelled() {
    Event never(co_await boost::asio::this_coro::executor);
    co_await never.wait();
}

}  // namespace jiro
