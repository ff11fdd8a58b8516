// SPDX-License-Identifier: MIT
#include "jiro/base/clock.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro {
namespace {

using namespace std::chrono_literals;

// A deadline that has passed does not wait.
TEST(Clock, past_deadline_returns_at_once) {
    boost::asio::io_context context;
    SystemClock clock;
    test::run_task(context, clock.sleep_until(clock.now() - 1s));
    test::run_task(context, clock.sleep_for(1ms));
}

// A cancelled sleep ends with operation_aborted, on the real clock and on the manual one.
TEST(Clock, cancelled_sleep_throws_operation_aborted) {
    SystemClock real;
    test::ManualClock manual;
    for (Clock* clock : {static_cast<Clock*>(&real), static_cast<Clock*>(&manual)}) {
        boost::asio::io_context context;
        boost::asio::cancellation_signal signal;
        boost::system::error_code code;
        boost::asio::co_spawn(
            context, clock->sleep_for(1h),
            boost::asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& exception) {
                try {
                    if (exception) std::rethrow_exception(exception);
                } catch (const boost::system::system_error& error) {
                    code = error.code();
                }
            }));
        context.poll();
        signal.emit(boost::asio::cancellation_type::terminal);
        test::settle(context);
        EXPECT_EQ(code, boost::asio::error::operation_aborted);
    }
}

// The manual clock wakes exactly the sleeps that are due.
TEST(Clock, manual_clock_wakes_what_is_due) {
    boost::asio::io_context context;
    test::ManualClock clock;
    int woken = 0;
    for (const auto delay : {1s, 2s, 3s}) {
        boost::asio::co_spawn(context, clock.sleep_for(delay), [&](const std::exception_ptr&) { ++woken; });
    }
    test::settle(context);
    EXPECT_EQ(clock.sleepers(), 3U);
    EXPECT_EQ(clock.next_deadline(), clock.now() + 1s);

    clock.advance(2s);
    test::settle(context);
    EXPECT_EQ(woken, 2);

    clock.advance(1s);
    test::settle(context);
    EXPECT_EQ(woken, 3);
    EXPECT_EQ(clock.next_deadline(), TimePoint::max());
}

}  // namespace
}  // namespace jiro
