// SPDX-License-Identifier: MIT
#include "daemon/recent_errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/manual_clock.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;

// Newest first, with the moment of the last occurrence; the same trouble is one entry with its count.
TEST(RecentErrors, tells_the_same_trouble_once) {
    test::ManualClock clock;
    RecentErrors errors(clock);
    errors.note("hub", "connection refused");
    clock.advance(60s);
    errors.note("delivery", "UNAVAILABLE");
    clock.advance(60s);
    errors.note("hub", "connection refused");
    errors.note("delivery", "connection refused");

    const auto entries = errors.newest_first();

    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].component, "delivery");
    EXPECT_EQ(entries[0].message, "connection refused");
    EXPECT_EQ(entries[1].component, "hub");
    EXPECT_EQ(entries[1].message, "connection refused (2 times)");
    EXPECT_EQ(entries[1].time, "2026-11-22T00:02:00Z");
    EXPECT_EQ(entries[2].message, "UNAVAILABLE");
    EXPECT_EQ(entries[2].time, "2026-11-22T00:01:00Z");
}

// Neither a talkative server nor ever new words make it grow.
TEST(RecentErrors, is_bounded) {
    test::ManualClock clock;
    RecentErrors errors(clock);
    for (int i = 0; i < 1000; ++i) errors.note("hub", std::to_string(i) + std::string(100'000, 'x'));

    const auto entries = errors.newest_first();

    ASSERT_EQ(entries.size(), RecentErrors::kKept);
    EXPECT_TRUE(entries[0].message.starts_with("999x"));
    EXPECT_EQ(entries[0].message.size(), RecentErrors::kLongest);
}

}  // namespace
}  // namespace jiro::daemon
