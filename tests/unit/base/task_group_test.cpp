// SPDX-License-Identifier: MIT
#include "jiro/base/task_group.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <stdexcept>

#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro {
namespace {

using namespace std::chrono_literals;

struct TaskGroupTest : testing::Test {
    boost::asio::io_context context;
    test::ManualClock clock;
    int errors = 0;
    TaskGroup group{[this](const std::exception_ptr&) { ++errors; }};

    void spawn(Task<> child) {
        group.spawn(context.get_executor(), std::move(child));
        test::settle(context);
    }
};

Task<> throw_broken() {
    throw std::runtime_error("broken");
    co_return;
}

Task<> note_end(Task<> task, bool& ended) {
    co_await std::move(task);
    ended = true;
}

// The group is empty when its children have ended, and `wait` returns then.
TEST_F(TaskGroupTest, waits_for_its_children) {
    spawn(clock.sleep_for(1s));
    spawn(clock.sleep_for(2s));
    EXPECT_EQ(group.size(), 2U);
    bool ended = false;
    boost::asio::co_spawn(context, note_end(group.wait(), ended), boost::asio::detached);

    clock.advance(1s);
    test::settle(context);
    EXPECT_EQ(group.size(), 1U);
    EXPECT_FALSE(ended);

    clock.advance(1s);
    test::settle(context);
    EXPECT_TRUE(ended);
    test::run_task(context, group.wait());
}

// All are cancelled, and that is no error.
TEST_F(TaskGroupTest, aborts_its_children) {
    spawn(clock.sleep_for(1h));
    spawn(clock.sleep_for(2h));

    group.abort();
    test::settle(context);
    EXPECT_EQ(group.size(), 0U);
    EXPECT_EQ(errors, 0);
}

// Any other exception is reported.
TEST_F(TaskGroupTest, reports_a_broken_child) {
    spawn(throw_broken());
    EXPECT_EQ(errors, 1);
    EXPECT_EQ(group.size(), 0U);
}

// The wait with a limit says whether the group became empty.
TEST_F(TaskGroupTest, wait_until_gives_up_at_the_deadline) {
    spawn(clock.sleep_for(10s));
    std::optional<bool> emptied;
    const auto note = [&](const std::exception_ptr&, bool value) { emptied = value; };
    boost::asio::co_spawn(context, group.wait_until(clock, clock.now() + 5s), note);
    test::settle(context);
    clock.advance(5s);
    test::settle(context);
    EXPECT_EQ(emptied, false);

    emptied.reset();
    boost::asio::co_spawn(context, group.wait_until(clock, clock.now() + 50s), note);
    test::settle(context);
    clock.advance(5s);
    test::settle(context);
    EXPECT_EQ(emptied, true);
}

}  // namespace
}  // namespace jiro
