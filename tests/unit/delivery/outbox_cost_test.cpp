// SPDX-License-Identifier: MIT
// What the outbox costs. Not run by default (figures need a quiet machine):
//     delivery_test --gtest_also_run_disabled_tests --gtest_filter='OutboxCost.*'
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdio>
#include <fstream>

#include "delivery/outbox_store.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "outbox_driver.hpp"

namespace jiro::delivery {
namespace {

using Steady = std::chrono::steady_clock;

double microseconds_since(Steady::time_point start) {
    return std::chrono::duration<double, std::micro>(Steady::now() - start).count();
}

double resident_mebibytes() {
    std::ifstream file("/proc/self/statm");
    long size = 0;
    long resident = 0;
    file >> size >> resident;
    return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / 1048576.0;
}

// One command's journal: received+running in one commit, its outcome in one, its delivery along with others.
Task<> one_command(Outbox& outbox, std::string id, Bytes message, int& left) {
    Receipt receipt = OutboxDriver::make_receipt(id);
    receipt.payload = std::string(500, 'p');
    const auto admitted = co_await outbox.received(std::move(receipt), FirstState::running);
    EXPECT_EQ(admitted.admission, Admission::accepted);
    const auto stored = co_await outbox.finished(id, Outcome::succeeded, message, Lease::yes);
    EXPECT_TRUE(stored);
    outbox.delivered(id);
    --left;
}

Task<> commands_in_a_row(Outbox& outbox, int lane, int count, Bytes message, int& left) {
    for (int i = 0; i < count; ++i) {
        co_await one_command(outbox, std::to_string(lane) + "-" + std::to_string(i), message, left);
    }
}

TEST(OutboxCost, DISABLED_per_command) {
    for (const auto durability : {Durability::process, Durability::power}) {
        for (const int at_once : {1, 16, 256}) {
            OutboxDriver driver;
            const char* chosen = std::getenv("JIRO_BENCH_DIR");
            const test::TempDir folder;
            OutboxSettings settings;
            settings.path = (chosen == nullptr ? folder.path() : std::filesystem::path(chosen)) / "outbox.db";
            std::filesystem::remove(settings.path);
            settings.durability = durability;
            driver.outbox_ = std::move(open_sqlite_outbox(driver.clock_, settings)).value();
            const int total = durability == Durability::power && at_once == 1 ? 2'000 : 20'480;
            const auto message = std::make_shared<const std::string>(1000, 'm');
            int left = total / at_once * at_once;
            const int count = left;
            const auto start = Steady::now();
            for (int lane = 0; lane < at_once; ++lane) {
                boost::asio::co_spawn(driver.context_,
                                      commands_in_a_row(*driver.outbox_, lane, total / at_once, message, left),
                                      boost::asio::detached);
            }
            driver.context_.restart();
            driver.context_.run();
            EXPECT_EQ(left, 0);
            const double each = microseconds_since(start) / count;
            std::printf("%s, %3d at once: %7.1f us per command, %8.0f commands/s\n",
                        durability == Durability::process ? "process" : "power  ", at_once, each, 1e6 / each);
        }
    }
}

TEST(OutboxCost, DISABLED_million_rows) {
    const test::TempDir folder;
    OutboxDriver driver;
    OutboxSettings settings;
    settings.path = folder.path() / "outbox.db";
    settings.max_bytes = 4'000'000'000;
    { auto created = open_sqlite_outbox(driver.clock_, settings); }
    {
        LeasedIds held;
        OutboxClock clock(driver.clock_);
        OutboxStore store(settings, held, clock);
        const std::string message(100, 'm');
        for (int page = 0; page < 100; ++page) {
            store.begin();
            for (int i = 0; i < 10'000; ++i) {
                ASSERT_TRUE(store.finished("id-" + std::to_string(page * 10'000 + i), Outcome::succeeded, message,
                                           Lease::no, clock.now()));
            }
            store.commit();
            driver.clock_.advance(std::chrono::milliseconds(1));
        }
    }
    const double before = resident_mebibytes();
    auto start = Steady::now();
    driver.outbox_ = std::move(open_sqlite_outbox(driver.clock_, settings)).value();
    std::printf("open with 1,000,000 undelivered: %.0f ms, file %ju MiB\n", microseconds_since(start) / 1000,
                std::filesystem::file_size(settings.path) / 1048576);
    start = Steady::now();
    std::size_t sent = 0;
    for (int i = 0; i < 200; ++i) {
        for (const auto& row : driver.due(128)) {
            driver.outbox_->delivered(row.id);
            ++sent;
        }
    }
    std::printf("due + delivered: %.1f us per row, resident +%.1f MiB\n",
                microseconds_since(start) / static_cast<double>(sent), resident_mebibytes() - before);
    EXPECT_LT(resident_mebibytes() - before, 40);
}

}  // namespace
}  // namespace jiro::delivery
