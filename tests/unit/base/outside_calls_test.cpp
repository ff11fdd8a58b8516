// SPDX-License-Identifier: MIT
// Calls that hang: the event loop goes on, time limits hold, threads stay few.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <functional>
#include <future>
#include <list>
#include <optional>
#include <vector>

#include "jiro/base/outside_calls.hpp"
#include "support/run_task.hpp"

namespace jiro {

using namespace std::chrono_literals;

namespace {

// A call that hangs until the test lets it go, and says what happened to it.
struct Hanging : OutsideCall {
    void perform() override {
        has_begun = true;
        released.get_future().wait();
    }
    void given_up() noexcept override { was_given_up = true; }
    void ended_unwanted() override { end_unwanted.set_value(); }

    std::promise<void> released;
    std::promise<void> end_unwanted;
    std::atomic<bool> has_begun = false;
    std::atomic<bool> was_given_up = false;
};

struct Quick : OutsideCall {
    void perform() override { is_done = true; }
    bool is_done = false;
};

class OutsideCallsTest : public ::testing::Test {
  protected:
    CallEnd run(const std::shared_ptr<OutsideCall>& call, Duration limit) {
        return jiro::test::run_task(context, threads.run(call, clock, clock.now() + limit));
    }

    boost::asio::io_context context;
    SystemClock clock;
    OutsideThreads& threads = immortal();

  private:
    // Never destroyed, as its threads never end, and never lost either, which the leak sanitizer would tell.
    static OutsideThreads& immortal() {
        static auto& all = *new std::list<OutsideThreads*>;
        return *all.emplace_back(new OutsideThreads("test", 2));
    }
};

}  // namespace

TEST_F(OutsideCallsTest, makes_a_call_on_another_thread) {
    const auto call = std::make_shared<Quick>();
    EXPECT_EQ(run(call, 10s), CallEnd::ended);
    EXPECT_TRUE(call->is_done);
}

// The one who waits goes on in time; the call hears that it was given up, and later that nobody waited.
TEST_F(OutsideCallsTest, goes_on_without_a_call_that_hangs) {
    const auto call = std::make_shared<Hanging>();
    EXPECT_EQ(run(call, 100ms), CallEnd::time_limit);
    EXPECT_TRUE(call->was_given_up);
    call->released.set_value();
    call->end_unwanted.get_future().wait();
}

TEST_F(OutsideCallsTest, makes_other_calls_while_one_hangs) {
    const auto hanging = std::make_shared<Hanging>();
    while (!hanging->has_begun) static_cast<void>(run(hanging, 100ms));
    EXPECT_EQ(run(std::make_shared<Quick>(), 10s), CallEnd::ended);
    hanging->released.set_value();
}

// Two threads, both taken: the third call is not made, and not later either.
TEST_F(OutsideCallsTest, says_when_all_threads_hang) {
    std::vector<std::shared_ptr<Hanging>> hanging{std::make_shared<Hanging>(), std::make_shared<Hanging>()};
    for (const auto& call : hanging) {
        while (!call->has_begun) static_cast<void>(run(call, 100ms));
    }
    const auto late = std::make_shared<Quick>();
    EXPECT_EQ(run(late, 200ms), CallEnd::not_begun);
    for (const auto& call : hanging) {
        call->released.set_value();
        call->end_unwanted.get_future().wait();
    }
    EXPECT_EQ(run(std::make_shared<Quick>(), 10s), CallEnd::ended);
    EXPECT_FALSE(late->is_done);
}

// Tells when the thread ends that it was made on.
struct Last : OutsideCall {
    struct EndOfThread {
        std::promise<void> ended;
        ~EndOfThread() { ended.set_value(); }
    };
    void perform() override {
        thread_local EndOfThread end;
        thread_ended = end.ended.get_future();
    }
    std::future<void> thread_ended;
};

TEST_F(OutsideCallsTest, a_thread_without_calls_ends_and_the_next_call_has_another) {
    static auto& brief = *new OutsideThreads("test", 1, 0ms);
    for (int i = 0; i < 2; ++i) {
        const auto call = std::make_shared<Last>();
        EXPECT_EQ(brief.run_here(call, 10s), CallEnd::ended);
        call->thread_ended.wait();
    }
}

// Where there is no coroutine: the same, for a moment.
TEST_F(OutsideCallsTest, waits_a_moment_where_it_is_asked_to) {
    EXPECT_EQ(threads.run_here(std::make_shared<Quick>(), 10s), CallEnd::ended);
    const auto hanging = std::make_shared<Hanging>();
    while (!hanging->has_begun) static_cast<void>(threads.run_here(hanging, 1ms));
    EXPECT_EQ(threads.run_here(hanging, 0ms), CallEnd::time_limit);
    EXPECT_EQ(threads.run_here(std::make_shared<Quick>(), 10s), CallEnd::ended) << "behind one that hangs";
    hanging->released.set_value();
    hanging->end_unwanted.get_future().wait();
}

TEST_F(OutsideCallsTest, is_cancelled) {
    const auto call = std::make_shared<Hanging>();
    boost::asio::cancellation_signal signal;
    std::optional<CallEnd> end;
    boost::asio::co_spawn(
        context, threads.run(call, clock, clock.now() + 1h),
        boost::asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, CallEnd how) { end = how; }));
    while (!call->has_begun) context.run_one_for(1ms);
    signal.emit(boost::asio::cancellation_type::terminal);
    context.run();
    EXPECT_EQ(end, CallEnd::cancelled);
    EXPECT_TRUE(call->was_given_up);
    call->released.set_value();
}

// An event loop that ends does not hear of a call that ends later.
TEST_F(OutsideCallsTest, outlives_the_event_loop) {
    const auto call = std::make_shared<Hanging>();
    {
        boost::asio::io_context short_lived;
        boost::asio::co_spawn(short_lived, threads.run(call, clock, clock.now() + 1h), [](auto, auto) {});
        while (!call->has_begun) short_lived.run_one_for(1ms);
    }
    call->released.set_value();
    call->end_unwanted.get_future().wait();
}

// Waiting right there is for a moment, and not again while that call hangs.
TEST_F(OutsideCallsTest, does_not_wait_again_for_a_function_that_hangs) {
    static auto& functions = *new OutsideFunctions<int>("test", 2);
    const auto released = std::make_shared<std::promise<void>>();
    const std::function<int()> function = [released = released->get_future().share()] {
        released.wait();
        return 7;
    };
    EXPECT_FALSE(functions.run_here("a", function, 20ms));
    EXPECT_FALSE(functions.run_here("a", function, 1h));
    released->set_value();
    while (!functions.run_here("a", function, 10s)) {
    }
}

// Whoever asks for the same while it hangs joins: one call for all of them, and all get its value.
TEST_F(OutsideCallsTest, joins_a_call_for_the_same) {
    static auto& functions = *new OutsideFunctions<int>("test", 2);
    const auto released = std::make_shared<std::promise<void>>();
    const auto calls = std::make_shared<std::atomic<int>>(0);
    const std::function<int()> function = [released = released->get_future().share(), calls] {
        ++*calls;
        released.wait();
        return 7;
    };
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(jiro::test::run_task(context, functions.run("a", function, clock, 60ms)));
    }
    const std::function<int()> other = [] { return 8; };
    EXPECT_EQ(jiro::test::run_task(context, functions.run("b", other, clock, 10s)), 8);
    std::vector<int> values;
    for (int i = 0; i < 2; ++i) {
        boost::asio::co_spawn(context, functions.run("a", function, clock, 10s),
                              [&](std::exception_ptr, std::optional<int> value) { values.push_back(value.value()); });
    }
    context.restart();
    context.poll();
    released->set_value();
    context.run();
    EXPECT_EQ(values, (std::vector<int>{7, 7}));
    EXPECT_EQ(*calls, 1);
}

// The end of the process: with the handlers of exit(), but not under a call that is under way.
TEST_F(OutsideCallsTest, nothing_is_cleaned_up_under_a_call) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // other tests have left threads behind
    const auto leave = [] {
        std::atexit([] { _exit(9); });
        leave_process(3);
    };
    EXPECT_EXIT(leave(), ::testing::ExitedWithCode(9), "");
    const auto leave_under_a_call = [&] {
        const auto call = std::make_shared<Hanging>();
        while (!call->has_begun) static_cast<void>(threads.run_here(call, 50ms));
        leave();
    };
    EXPECT_EXIT(leave_under_a_call(), ::testing::ExitedWithCode(3), "");
}

}  // namespace jiro
