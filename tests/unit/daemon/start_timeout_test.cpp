// SPDX-License-Identifier: MIT
#include "daemon/start_timeout.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;

// Time is asked for again and again, each time for longer than until the next asking, and not any more afterwards.
TEST(StartTimeoutExtender, asks_until_the_start_is_over) {
    std::atomic<int> asked{0};
    std::atomic<std::int64_t> least{INT64_MAX};
    {
        const StartTimeoutExtender start_timeout(1ms, [&](std::chrono::microseconds time) {
            least = std::min<std::int64_t>(least, time.count());
            ++asked;
        });
        while (asked < 3) std::this_thread::yield();
    }
    const int at_the_end = asked;
    EXPECT_GT(least, 1'000);
    EXPECT_EQ(asked, at_the_end);
}

// A start that is quick asks for nothing.
TEST(StartTimeoutExtender, says_nothing_of_a_quick_start) {
    bool has_asked = false;
    {
        const StartTimeoutExtender start_timeout(1h, [&](std::chrono::microseconds) { has_asked = true; });
    }
    EXPECT_FALSE(has_asked);
}

}  // namespace
}  // namespace jiro::daemon
