// SPDX-License-Identifier: MIT
#include "jiro/monitor/command_queue_monitor.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "jiro/base/log.hpp"

#ifdef NDEBUG
constexpr int kTransitions = 4'000'000;
#else
constexpr int kTransitions = 200'000;
#endif

namespace jiro::monitor {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

const TimePoint kNow{std::chrono::hours(1)};

std::vector<std::string> ids_of(const std::vector<RunningCommand>& commands) {
    std::vector<std::string> ids;
    for (const auto& command : commands) ids.push_back(command.id);
    return ids;
}

void expect_exact(const CommandCounts& counts) {
    EXPECT_EQ(counts.received, counts.processed() + counts.active + counts.detached + counts.queued);
    EXPECT_EQ(counts.processed(), counts.successful + counts.failed);
}

// Each kind of transition moves one command and keeps the sums.
TEST(CommandQueueMonitor, counts_a_command_through_its_life) {
    CommandQueueMonitor monitor;
    for (int i = 0; i < 4; ++i) monitor.received();
    monitor.started("a", "echo", kNow);
    monitor.started("b", "load", kNow + milliseconds(1));
    monitor.detached("b");

    auto counts = monitor.counts();
    EXPECT_EQ(counts.received, 4u);
    EXPECT_EQ(counts.queued, 2u);
    EXPECT_EQ(counts.active, 1u);
    EXPECT_EQ(counts.detached, 1u);
    EXPECT_THAT(ids_of(monitor.running()), ElementsAre("a", "b"));
    EXPECT_EQ(counts.success_rate(), std::nullopt);

    monitor.finished("a", Outcome::succeeded, milliseconds(2), milliseconds(3));
    monitor.finished("b", Outcome::timed_out, milliseconds(2), milliseconds(3));
    monitor.finished("never-started", Outcome::rejected, milliseconds(0), milliseconds(0));
    monitor.deferred();

    counts = monitor.counts();
    expect_exact(counts);
    EXPECT_EQ(counts.received, 3u);
    EXPECT_EQ(counts.deferred, 1u);
    EXPECT_EQ(counts.successful, 1u);
    EXPECT_EQ(counts.failed, 2u);
    EXPECT_EQ(counts.queued + counts.active + counts.detached, 0u);
    EXPECT_DOUBLE_EQ(counts.success_rate().value(), 1.0 / 3.0);
    EXPECT_EQ(monitor.run_time().count(), 2u);
    EXPECT_EQ(monitor.queue_time().count(), 2u);
    EXPECT_TRUE(monitor.running().empty());
    EXPECT_EQ(monitor.by_name().at("load").outcomes[static_cast<std::size_t>(Outcome::timed_out)], 1u);
    EXPECT_EQ(monitor.by_name().at("none").outcomes[static_cast<std::size_t>(Outcome::rejected)], 1u);
}

// Refused messages are counted by reason and are no part of the equations.
TEST(CommandQueueMonitor, counts_refused_messages_apart) {
    CommandQueueMonitor monitor;
    monitor.rejected(Rejection::malformed);
    monitor.rejected(Rejection::storage);
    monitor.rejected(Rejection::duplicate);

    const auto counts = monitor.counts();
    EXPECT_EQ(counts.received, 0u);
    EXPECT_EQ(counts.rejected, 2u);
    EXPECT_EQ(counts.duplicates, 1u);
}

// A caller that reports what cannot be leaves every sum as it was.
TEST(CommandQueueMonitor, ignores_transitions_out_of_place) {
    CommandQueueMonitor monitor;
    monitor.started("ghost", "echo", kNow);
    monitor.finished("ghost", Outcome::failed, {}, {});
    monitor.detached("ghost");
    monitor.deferred();
    EXPECT_EQ(monitor.counts().received, 0u);
    EXPECT_EQ(monitor.counts().failed, 0u);

    monitor.received();
    monitor.received();
    monitor.started("a", "echo", kNow);
    monitor.started("a", "echo", kNow);  // the same id again
    monitor.detached("a");
    monitor.detached("a");

    expect_exact(monitor.counts());
    EXPECT_EQ(monitor.counts().queued, 1u);
    EXPECT_EQ(monitor.counts().detached, 1u);
}

// Ids of any length are told apart, but shown cut.
TEST(CommandQueueMonitor, shows_long_ids_cut_and_keeps_them_apart) {
    CommandQueueMonitor monitor;
    const std::string common(kShownIdBytes, 'x');
    const std::string cut = std::string(kShownIdBytes - 3, 'x') + "...";
    monitor.received();
    monitor.received();
    monitor.started(common + "1", std::string(200, 'n'), kNow);
    monitor.started(common + "2", "", kNow);

    EXPECT_THAT(ids_of(monitor.running()), ElementsAre(cut, cut));
    EXPECT_EQ(monitor.running()[0].name.size() + monitor.running()[1].name.size(), kShownNameBytes);
    monitor.finished(common + "1", Outcome::succeeded, {}, {});
    EXPECT_EQ(monitor.counts().active, 1u);
}

// The hub chooses ids, and every local user may see them: none shows a secret, nor the beginning of one where it is
// cut.
TEST(CommandQueueMonitor, shows_ids_without_secrets) {
    log::register_secret(Secret("canary-of-an-id-0123456789"), "a file");
    EXPECT_EQ(shown_id("cmd-1"), "cmd-1");
    EXPECT_EQ(shown_id("a canary-of-an-id-0123456789"), "a ***");
    const std::string filler(kShownIdBytes - 20, 'x');
    EXPECT_EQ(shown_id(filler + "canary-of-an-id-0123456789"), filler + "***...");
}

// Any number of commands, oldest first; what has ended is gone.
TEST(CommandQueueMonitor, lists_any_number_of_running_commands_oldest_first) {
    CommandQueueMonitor monitor;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 200; ++i) {
            monitor.received();
            monitor.started("id-" + std::to_string(i), "echo", kNow + milliseconds(i));
        }
        const auto running = monitor.running();
        ASSERT_EQ(running.size(), 200u);
        EXPECT_EQ(running.front().id, "id-0");
        EXPECT_EQ(running.back().id, "id-199");
        EXPECT_EQ(running[7].started, kNow + milliseconds(7));
        for (int i = 0; i < 200; ++i) monitor.finished("id-" + std::to_string(i), Outcome::succeeded, {}, {});
        EXPECT_TRUE(monitor.running().empty());
    }
}

// Names from outside cannot grow the metrics without bound.
TEST(CommandQueueMonitor, bounds_the_number_of_names) {
    CommandQueueMonitor monitor;
    for (std::size_t i = 0; i < 3 * CommandQueueMonitor::kMaxNames; ++i) {
        const auto id = std::to_string(i);
        monitor.received();
        monitor.started(id, "name-" + id, kNow);
        monitor.finished(id, Outcome::succeeded, {}, {});
    }

    EXPECT_LE(monitor.by_name().size(), CommandQueueMonitor::kMaxNames + 1);
    EXPECT_EQ(monitor.by_name().at("other").outcomes[0], 2 * CommandQueueMonitor::kMaxNames);
}

// One writer and three readers at full speed: every single reading keeps both equations, and totals never go back. The
// ids belong to the writer's thread, where they agree with the counters at every step.
TEST(CommandQueueMonitor, is_exact_at_every_reading_while_the_loop_writes) {
    CommandQueueMonitor monitor;
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> readings{0};
    std::atomic<std::uint64_t> wrong{0};

    const auto count_reader = [&] {
        std::uint64_t last_processed = 0;
        while (!done.load(std::memory_order_relaxed)) {
            const auto counts = monitor.counts();
            std::uint64_t outcomes = 0;
            for (const auto value : counts.by_outcome) outcomes += value;
            const bool is_exact =
                counts.received == counts.processed() + counts.active + counts.detached + counts.queued &&
                outcomes == counts.processed() && counts.processed() >= last_processed && counts.active <= 40 &&
                counts.queued <= 40;
            if (!is_exact) wrong.fetch_add(1);
            last_processed = counts.processed();
            readings.fetch_add(1, std::memory_order_relaxed);
        }
    };
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) readers.emplace_back(count_reader);

    int transitions = 0;
    const auto id_of = [](int number) { return std::to_string(number) + "-" + std::to_string(number); };
    for (int number = 0; transitions < kTransitions; ++number) {
        monitor.received();
        monitor.started(id_of(number), std::to_string(number), kNow + Duration(number));
        if (number % 3 == 0) monitor.detached(id_of(number));
        if (number >= 40) {
            monitor.finished(id_of(number - 40), number % 2 == 0 ? Outcome::succeeded : Outcome::failed, {}, {});
        }
        transitions += number % 3 == 0 ? 4 : 3;
        if (number % 100 == 0) {
            const auto running = monitor.running();
            const auto counts = monitor.counts();
            const bool are_listed =
                running.size() == counts.active + counts.detached && running.back().id == id_of(number);
            if (!are_listed) wrong.fetch_add(1);
        }
    }
    while (readings.load() < 100) std::this_thread::yield();
    done = true;
    for (auto& reader : readers) reader.join();

    EXPECT_EQ(wrong.load(), 0u);
    EXPECT_GE(readings.load(), 100u);
    expect_exact(monitor.counts());
    RecordProperty("readings", std::to_string(readings.load()));
}

// Durations land in the first bucket whose bound they do not exceed.
TEST(Histogram, sorts_durations_into_buckets) {
    Histogram histogram;
    histogram.record(milliseconds(1));
    histogram.record(std::chrono::microseconds(1001));
    histogram.record(std::chrono::hours(1));
    histogram.record(-milliseconds(5));

    const auto reading = histogram.read();
    EXPECT_EQ(reading.buckets[0], 2u);
    EXPECT_EQ(reading.buckets[1], 1u);
    EXPECT_EQ(reading.buckets.back(), 1u);
    EXPECT_EQ(reading.count(), 4u);
    EXPECT_NEAR(reading.sum_seconds, 3600.002001, 1e-9);
}

// Quantiles are estimates within a bucket; of nothing they are zero.
TEST(Histogram, estimates_quantiles) {
    Histogram histogram;
    EXPECT_EQ(histogram.read().quantile_seconds(0.5), 0);
    for (int i = 0; i < 99; ++i) histogram.record(milliseconds(20));
    histogram.record(std::chrono::hours(1));

    EXPECT_GT(histogram.read().quantile_seconds(0.5), 0.01);
    EXPECT_LE(histogram.read().quantile_seconds(0.5), 0.025);
    EXPECT_EQ(histogram.read().quantile_seconds(1.0), kBucketSeconds.back());
}

}  // namespace
}  // namespace jiro::monitor
