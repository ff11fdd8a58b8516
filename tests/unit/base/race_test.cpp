// SPDX-License-Identifier: MIT
#include "jiro/base/race.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <stdexcept>

#include "jiro/base/with_timeout.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro {
namespace {

using namespace std::chrono_literals;

Task<> fail() {
    throw std::runtime_error("broken");
    co_return;
}

Task<int> fail_instead_of_a_value() {
    throw std::runtime_error("broken");
    co_return 1;
}

Task<> end_at_once() { co_return; }

// The loser is cancelled, not waited for.
TEST(Race, ends_with_the_first) {
    boost::asio::io_context context;
    test::ManualClock clock;

    EXPECT_EQ(test::run_task(context, race(clock.sleep_for(1h), end_at_once())), 1U);
    EXPECT_EQ(clock.sleepers(), 0U);
}

// With Asio's `||` this would wait an hour for the other branch.
TEST(Race, exception_of_the_first_passes_through_at_once) {
    boost::asio::io_context context;
    test::ManualClock clock;

    EXPECT_THROW(test::run_task(context, race(fail(), clock.sleep_for(1h))), std::runtime_error);
    EXPECT_EQ(clock.sleepers(), 0U);
}

// A machine without disks has none to ask.
TEST(All, of_none_ends_at_once) {
    boost::asio::io_context context;
    EXPECT_NO_THROW(test::run_task(context, all({})));
}

// A failed operation is not a timeout.
TEST(WithTimeout, exception_passes_through_at_once) {
    boost::asio::io_context context;
    test::ManualClock clock;

    EXPECT_THROW(test::run_task(context, with_timeout(clock, 1h, fail())), std::runtime_error);
    EXPECT_THROW(test::run_task(context, with_timeout(clock, 1h, fail_instead_of_a_value())), std::runtime_error);
    EXPECT_EQ(clock.sleepers(), 0U);
}

// Cancelled from outside it ends as Asio's own operations do.
TEST(WithTimeout, cancellation_is_operation_aborted) {
    boost::asio::io_context context;
    boost::asio::cancellation_signal signal;
    test::ManualClock clock;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, with_timeout(clock, 1h, clock.sleep_for(2h)),
                          boost::asio::bind_cancellation_slot(
                              signal.slot(), [&](std::exception_ptr exception, bool) { failure = exception; }));
    test::settle(context);

    signal.emit(boost::asio::cancellation_type::terminal);
    test::settle(context);

    ASSERT_TRUE(failure);
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
        EXPECT_EQ(error.code(), boost::asio::error::operation_aborted);
    }
}

}  // namespace
}  // namespace jiro
