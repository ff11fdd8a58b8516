// SPDX-License-Identifier: MIT
#include "base/log_suppressor.hpp"

#include <gtest/gtest.h>

namespace jiro::log {
namespace {

using namespace std::chrono_literals;
using TimePoint = RepeatSuppressor::TimePoint;

const TimePoint kStart{std::chrono::hours(1)};

Entry line(TimePoint now, std::string message = "Cannot connect", Level level = Level::warn) {
    Entry entry;
    entry.monotonic = now;
    entry.level = level;
    entry.component = "signalr";
    entry.message = std::move(message);
    return entry;
}

// The pipeline in small: what is written for one line.
int written(RepeatSuppressor& suppressor, const Entry& entry) {
    const auto summaries = suppressor.due(entry.monotonic).size();
    return static_cast<int>(summaries) + (suppressor.admit(entry) ? 1 : 0);
}

// A new line is shown, its repeats are counted, and the window's end tells how many.
TEST(RepeatSuppressor, counts_repeats_and_tells_them_once) {
    RepeatSuppressor suppressor;
    EXPECT_TRUE(suppressor.admit(line(kStart)));
    EXPECT_EQ(suppressor.next_due(), std::nullopt);
    for (int i = 1; i <= 7; ++i) EXPECT_FALSE(suppressor.admit(line(kStart + i * 5700ms)));
    EXPECT_EQ(suppressor.next_due(), kStart + 1min);
    EXPECT_TRUE(suppressor.due(kStart + 59s).empty());

    const auto summaries = suppressor.due(kStart + 60s);
    ASSERT_EQ(summaries.size(), 1U);
    EXPECT_EQ(summaries[0].message, "Cannot connect (repeated 7 times in 40 s)");
    EXPECT_EQ(summaries[0].level, Level::warn);
    EXPECT_TRUE(suppressor.due(kStart + 2min).empty());
}

// Another sentence, another component, info, and the lines of a command are not repeats.
TEST(RepeatSuppressor, holds_back_nothing_else) {
    RepeatSuppressor suppressor;
    ASSERT_TRUE(suppressor.admit(line(kStart)));
    EXPECT_TRUE(suppressor.admit(line(kStart, "Cannot deliver")));
    Entry other = line(kStart);
    other.component = "delivery";
    EXPECT_TRUE(suppressor.admit(other));
    Entry command = line(kStart);
    command.fields.emplace_back("command_sync_id", "cmd-1");
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(suppressor.admit(command));
        EXPECT_TRUE(suppressor.admit(line(kStart, "Connected", Level::info)));
    }
}

// Another reason is news, its numbers aside; a peer that invents reasons runs out of them.
TEST(RepeatSuppressor, shows_a_new_reason_at_once_but_not_endlessly) {
    RepeatSuppressor suppressor;
    const auto with_reason = [](std::string reason) {
        Entry entry = line(kStart);
        entry.fields.emplace_back("reason", std::move(reason));
        return entry;
    };
    EXPECT_TRUE(suppressor.admit(with_reason("refused after 15 ms")));
    EXPECT_FALSE(suppressor.admit(with_reason("refused after 7 ms")));
    EXPECT_TRUE(suppressor.admit(with_reason("HTTP status 404")));
    EXPECT_FALSE(suppressor.admit(with_reason("refused after 8 ms")));
    int shown = 0;
    for (char c = 'a'; c <= 'z'; ++c) shown += suppressor.admit(with_reason(std::string(3, c))) ? 1 : 0;
    EXPECT_EQ(shown, static_cast<int>(RepeatSuppressor::kMaxReasons) - 2);
}

// A reload is an operator's: each of its errors is shown, each time.
TEST(RepeatSuppressor, never_holds_back_a_reload) {
    RepeatSuppressor suppressor;
    Entry entry = line(kStart, "Reload refused", Level::error);
    entry.component = "reload";
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(suppressor.admit(entry));
}

// What is pending at the end of the process is told.
TEST(RepeatSuppressor, drain_tells_what_is_pending) {
    RepeatSuppressor suppressor;
    static_cast<void>(suppressor.admit(line(kStart)));
    static_cast<void>(suppressor.admit(line(kStart + 1s)));
    const auto summaries = suppressor.drain();
    ASSERT_EQ(summaries.size(), 1U);
    EXPECT_EQ(summaries[0].message, "Cannot connect (repeated 1 time in 1 s)");
    EXPECT_TRUE(suppressor.drain().empty());
}

// A failure that comes back after a quiet time is news, and its window starts small again.
TEST(RepeatSuppressor, forgets_after_a_quiet_time) {
    RepeatSuppressor suppressor;
    for (int i = 0; i <= 20; ++i) static_cast<void>(written(suppressor, line(kStart + i * 30s)));
    EXPECT_EQ(suppressor.next_due(), kStart + 15min);
    const TimePoint later = kStart + 10min + RepeatSuppressor::kForgetAfter + 1s;
    EXPECT_EQ(suppressor.due(later).size(), 1U);
    EXPECT_TRUE(suppressor.admit(line(later)));
    EXPECT_FALSE(suppressor.admit(line(later + 1s)));
    EXPECT_EQ(suppressor.next_due(), later + 1min);
}

// When a failure stops inside a long window, its count does not wait for the window's end.
TEST(RepeatSuppressor, tells_the_count_of_what_has_stopped) {
    RepeatSuppressor suppressor;
    TimePoint now = kStart;
    for (int i = 0; i < 200; ++i) static_cast<void>(written(suppressor, line(now += 60s)));
    EXPECT_EQ(suppressor.next_due(), now + RepeatSuppressor::kForgetAfter);
    EXPECT_EQ(suppressor.due(now + RepeatSuppressor::kForgetAfter).size(), 1U);
    EXPECT_TRUE(suppressor.admit(line(now + RepeatSuppressor::kForgetAfter)));
}

// An outage of a day costs fewer than 200 lines, however often it is tried: the promise of the log.
TEST(RepeatSuppressor, outage_of_a_day_costs_few_lines) {
    for (const auto interval : {1s, 30s, 59s, 61s, 120s, 600s, 899s, 901s, 3600s}) {
        RepeatSuppressor suppressor;
        int lines = 0;
        for (TimePoint now = kStart; now < kStart + 24h; now += interval) lines += written(suppressor, line(now));
        lines += static_cast<int>(suppressor.drain().size());
        EXPECT_LT(lines, 100) << interval.count() << " s between attempts";
        EXPECT_GE(lines, 24) << interval.count() << " s between attempts";
    }
}

// A caller that builds its sentences cannot make the memory grow.
TEST(RepeatSuppressor, tracks_a_bounded_number_of_lines) {
    RepeatSuppressor suppressor;
    for (std::size_t i = 0; i < 2 * RepeatSuppressor::kMaxTracked; ++i) {
        EXPECT_TRUE(suppressor.admit(line(kStart, "number " + std::to_string(i))));
    }
    EXPECT_TRUE(suppressor.admit(line(kStart, "one more")));
    EXPECT_TRUE(suppressor.admit(line(kStart, "one more")));
    EXPECT_TRUE(suppressor.admit(line(kStart + 1h, "later")));
    EXPECT_FALSE(suppressor.admit(line(kStart + 1h, "later")));
}

}  // namespace
}  // namespace jiro::log
