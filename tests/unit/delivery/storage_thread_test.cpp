// SPDX-License-Identifier: MIT
#include "delivery/storage_thread.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"

namespace jiro::delivery {
namespace {

struct JobLog {
    std::atomic<int> alive{0};
    std::atomic<int> refused{0};       // jobs that were told of a failure
    std::atomic<int> most_at_once{0};  // run before one of them was told that it is committed
    int at_once = 0;                   // of the storage thread
};

using Kind = StorageJob::Kind;

std::unique_ptr<StorageJob> logged_job(JobLog& log, Kind kind) {
    ++log.alive;
    const std::shared_ptr<void> life(nullptr, [&log](void*) { --log.alive; });
    auto job = std::make_unique<StorageJob>();
    job->kind = kind;
    job->run = [&log, life](OutboxStore&) { log.most_at_once = std::max(log.most_at_once.load(), ++log.at_once); };
    job->complete = [&log](const std::optional<Error>& failure) {
        log.at_once = 0;
        if (failure) ++log.refused;
    };
    return job;
}

// In memory, too, where a job is done as it is submitted: after that which it follows, not within it.
TEST(StorageThread, does_a_chain_of_jobs_one_after_the_other) {
    const test::ManualClock clock;
    OutboxSettings settings;
    settings.path = kInMemory;
    settings.redo_log.clear();
    settings.ballast_bytes = 0;
    const auto storage = StorageThread::start(settings, clock).value();
    int done = 0;
    int within = 0;
    int deepest = 0;
    std::function<void()> go_on = [&] {
        auto job = std::make_unique<StorageJob>();
        job->run = [](OutboxStore&) {};
        job->complete = [&](const std::optional<Error>&) {
            deepest = std::max(deepest, ++within);
            if (++done < 10) go_on();
            --within;
        };
        storage->submit(std::move(job));
    };
    go_on();
    EXPECT_EQ(done, 10);
    EXPECT_EQ(deepest, 1);
}

// While the file cannot be opened, what must be done later is kept, and of what need not be only a bounded number. When
// it opens, they are done many in one transaction.
TEST(StorageThread, keeps_a_bounded_number_of_dispensable_jobs_while_it_is_closed) {
    const test::TempDir folder;
    const test::ManualClock clock;
    OutboxSettings settings;
    settings.path = folder.path() / "outbox.db";
    settings.ballast_bytes = 0;
    { const auto created = open_sqlite_outbox(clock, settings); }
    std::optional<Database> other(std::in_place, settings.path.string(), Database::Mode::read_write);
    other->execute("BEGIN IMMEDIATE");

    JobLog log;
    const auto storage = StorageThread::start(settings, clock).value();
    const auto submit = [&](Kind kind, int count) {
        for (int i = 0; i < count; ++i) storage->submit(logged_job(log, kind));
        storage->submit(logged_job(log, Kind::awaited));
    };
    submit(Kind::dispensable, 5'000);
    submit(Kind::deferred, 1'000);
    submit(Kind::dispensable, 5'000);
    while (storage->figures().writable || log.alive > 1'512) std::this_thread::yield();
    EXPECT_EQ(log.alive, 1'512);
    EXPECT_EQ(log.most_at_once, 0);

    other.reset();
    while (log.alive > 0) std::this_thread::yield();
    EXPECT_EQ(log.most_at_once, 512);
}

}  // namespace
}  // namespace jiro::delivery
