// SPDX-License-Identifier: MIT
// kill -9 at random moments: a child process works on the outbox and reports each promise that it was given, through a
// pipe, before it goes on; the parent kills it, opens the file and checks that every promise is kept.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <set>
#include <thread>

#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "outbox_driver.hpp"
#include "support/tmpfs_dir.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;

// What a child says was promised to it; a line each: a letter and an id.
struct Promises {
    std::set<std::string> accepted;
    std::set<std::string> done;
    std::set<std::string> confirmed;  // delivered() is called: may or may not be written
};

[[noreturn]] void work_until_killed(const OutboxSettings& settings, int pipe, unsigned round) {
    OutboxDriver driver;
    driver.outbox_ = std::move(open_sqlite_outbox(driver.clock_, settings)).value();
    const auto say = [pipe](char what, const std::string& id) {
        const std::string line = what + id + '\n';
        if (write(pipe, line.data(), line.size()) < 0) _exit(1);
    };
    say('R', "");
    for (int i = 0;; ++i) {
        const auto id = std::to_string(round) + "-" + std::to_string(i);
        if (driver.admit(id, i % 3 == 0 ? FirstState::received : FirstState::running) != Admission::accepted) _exit(2);
        say('A', id);
        if (i % 7 == 0) continue;  // never gets to its end
        if (!driver.finish(id, Lease::yes)) _exit(3);
        say('D', id);
        if (i % 2 == 0) {
            say('C', id);
            driver.outbox_->delivered(id);
        }
    }
}

Promises read_promises(int pipe) {
    std::string text;
    char buffer[4096];
    for (ssize_t size = 0; (size = read(pipe, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(size));
    Promises promises;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        const auto id = text.substr(at + 1, end - at - 1);
        if (text[at] == 'A') promises.accepted.insert(id);
        if (text[at] == 'D') promises.done.insert(id);
        if (text[at] == 'C') promises.confirmed.insert(id);
    }
    return promises;
}

void kill_again_and_again(OutboxSettings settings) {
    const test::TempDir folder;
    settings.path = folder.path() / "outbox.db";
    settings.ballast_bytes = 0;
    std::mt19937 random(4711);
    const char* wanted = std::getenv("JIRO_KILLS");
    const unsigned kills = wanted == nullptr ? 40 : static_cast<unsigned>(std::stoul(wanted));
    std::size_t promised = 0;
    for (unsigned round = 0; round < kills; ++round) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            work_until_killed(settings, ends[1], round);
        }
        close(ends[1]);
        char ready[2];  // "R\n": the outbox is open, work begins
        ASSERT_EQ(read(ends[0], ready, sizeof ready), 2);
        std::thread killer([child, pause = random() % 30'000] {
            std::this_thread::sleep_for(1ms + std::chrono::microseconds(pause));
            kill(child, SIGKILL);
        });
        const Promises promises = read_promises(ends[0]);
        killer.join();
        int status = 0;
        waitpid(child, &status, 0);
        close(ends[0]);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);

        OutboxDriver driver;
        driver.outbox_ = std::move(open_sqlite_outbox(driver.clock_, settings)).value();
        ASSERT_TRUE(driver.figures().problem.empty()) << driver.figures().problem;
        promised += promises.accepted.size();
        for (const auto& id : promises.accepted) {
            const auto details = driver.run(driver.outbox_->show(id));
            ASSERT_TRUE(details) << id << " was accepted and is gone";
            const auto state = details->summary.state;
            if (promises.confirmed.contains(id)) {
                ASSERT_TRUE(state == RowState::done || state == RowState::delivered) << id;
            } else if (promises.done.contains(id)) {
                ASSERT_EQ(state, RowState::done) << id;
                ASSERT_EQ(*details->message, "message of " + id);
            }
            ASSERT_NE(driver.admit(id), Admission::accepted) << id << " would run twice";
        }
    }
    EXPECT_GT(promised, kills);
}

// Nothing that was promised is missing after any of the kills.
TEST(SqliteOutboxCrash, keeps_every_promise_through_kill_9) { kill_again_and_again({}); }

TEST(SqliteOutboxCrash, keeps_every_promise_in_its_redo_log) {
    const test::TmpfsDir tmpfs;
    if (!tmpfs.exists()) GTEST_SKIP() << "no tmpfs to write to";
    OutboxSettings settings;
    settings.redo_log = tmpfs.path() / "redo.log";
    kill_again_and_again(settings);
}

// A damaged file is made anew, and whoever does that is killed, at any moment of it: each row is there in the end.
TEST(SqliteOutboxCrash, keeps_every_row_through_kills_of_a_rebuild) {
    constexpr std::size_t kRows = 2'000;
    const test::TempDir folder;
    OutboxSettings settings;
    settings.path = folder.path() / "outbox.db";
    settings.ballast_bytes = 0;
    const auto open = [&settings] {
        auto driver = std::make_unique<OutboxDriver>();
        driver->outbox_ = std::move(open_sqlite_outbox(driver->clock_, settings)).value();
        return driver;
    };
    {
        const auto driver = open();
        for (std::size_t i = 0; i < kRows; ++i) driver->admit("id-" + std::to_string(i));
    }
    std::mt19937 random(4711);
    int killed = 0;
    for (int round = 0; round < 20; ++round) {
        if (std::filesystem::exists(settings.path)) {  // else it was moved aside, and the new one has not its place yet
            Database(settings.path.string(), Database::Mode::read_write).execute("PRAGMA application_id = 1");
        }
        const pid_t child = fork();
        if (child == 0) {
            (void)open();
            _exit(0);
        }
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 100'000));
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) ++killed;
    }
    EXPECT_GT(killed, 0);
    const auto driver = open();
    EXPECT_EQ(driver->figures().unfinished, kRows);
    EXPECT_EQ(driver->state("id-1999"), RowState::received);
}

}  // namespace
}  // namespace jiro::delivery
