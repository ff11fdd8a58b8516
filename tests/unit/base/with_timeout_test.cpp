// SPDX-License-Identifier: MIT
#include "jiro/base/with_timeout.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro {
namespace {

using namespace std::chrono_literals;

Task<int> answer_after(test::ManualClock& clock, Duration delay) {
    co_await clock.sleep_for(delay);
    co_return 42;
}

struct Outcome {
    bool ended = false;
    std::optional<int> value;
};

void start(boost::asio::io_context& context, Task<std::optional<int>> task, Outcome& outcome) {
    boost::asio::co_spawn(context, std::move(task), [&](const std::exception_ptr&, std::optional<int> value) {
        outcome = {true, value};
    });
    test::settle(context);
}

// What ends in time gives its value and leaves no timer behind.
TEST(WithTimeout, gives_the_value_in_time) {
    boost::asio::io_context context;
    test::ManualClock clock;
    Outcome outcome;
    start(context, with_timeout(clock, 10s, answer_after(clock, 3s)), outcome);
    EXPECT_FALSE(outcome.ended);

    clock.advance(3s);
    test::settle(context);
    EXPECT_EQ(outcome.value, 42);
    EXPECT_EQ(clock.sleepers(), 0U);
}

// What takes too long is cancelled and has ended.
TEST(WithTimeout, gives_nothing_and_cancels_when_the_limit_passes) {
    boost::asio::io_context context;
    test::ManualClock clock;
    Outcome outcome;
    start(context, with_timeout(clock, 10s, answer_after(clock, 30s)), outcome);
    clock.advance(10s);
    test::settle(context);
    EXPECT_TRUE(outcome.ended);
    EXPECT_EQ(outcome.value, std::nullopt);
    EXPECT_EQ(clock.sleepers(), 0U);
}

}  // namespace
}  // namespace jiro
