// SPDX-License-Identifier: MIT
#include "daemon/pause.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <fstream>
#include <iterator>

#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const WallTime kPauseDay = WallTime(std::chrono::seconds(1'795'000'000));

class PauseTest : public ::testing::Test {
  protected:
    PauseTest() { clock_.set_wall(kPauseDay); }
    ~PauseTest() override { end(); }

    // A daemon's start.
    void start() {
        end();
        pause_.emplace(context_.get_executor(), clock_, files_, [this] { ++(pause_->closed() ? closed_ : opened_); });
        has_ended_ = false;
        boost::asio::co_spawn(context_, pause_->run(),
                              boost::asio::bind_cancellation_slot(
                                  stop_.slot(), [this](const std::exception_ptr&) { has_ended_ = true; }));
        test::settle(context_);
    }
    void end() {
        stop_.emit(boost::asio::cancellation_type::terminal);
        test::settle(context_);
        EXPECT_TRUE(has_ended_);
        pause_.reset();
    }
    void order(std::optional<std::chrono::seconds> time, std::string note = "", WhatArrives what = WhatArrives::waits) {
        auto pausing = pause_->pause(time, std::move(note), what);
        const auto stored = test::run_task(context_, std::move(pausing));
        EXPECT_TRUE(stored) << stored.error().message;
    }
    bool resume() {
        auto resuming = pause_->resume();
        const bool had_order = test::run_task(context_, std::move(resuming)).value();
        test::settle(context_);
        return had_order;
    }
    void reboot(std::string id, WallTime now) {
        clock_.reboot(std::move(id));
        clock_.set_wall(now);
    }
    void pass(Duration time) {
        clock_.advance(time);
        test::settle(context_);
    }
    std::string stored_order() const {
        std::ifstream file(files_.order);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::string why() {
        const auto closed = pause_->closed();
        return closed ? closed->why : "open";
    }

    test::TempDir folder_;
    boost::asio::io_context context_{1};
    boost::asio::cancellation_signal stop_;
    test::ManualClock clock_;
    Pause::Files files_{folder_.path() / "outbox.pause.json", folder_.path() / "hold"};
    std::optional<Pause> pause_;
    bool has_ended_ = true;
    int opened_ = 0;
    int closed_ = 0;
};

// The order is in force at once, and until it is taken back.
TEST_F(PauseTest, keeps_commands_from_starting_until_resume) {
    start();
    EXPECT_EQ(why(), "open");
    EXPECT_EQ(closed_, 0);
    order({}, "kernel update");
    EXPECT_GT(closed_, 0);
    EXPECT_EQ(why(), "paused: kernel update");
    EXPECT_FALSE(pause_->closed()->refuses);
    pass(48h);
    EXPECT_EQ(why(), "paused: kernel update");
    EXPECT_TRUE(resume());
    EXPECT_EQ(why(), "open");
    EXPECT_EQ(opened_, 1);
    EXPECT_FALSE(resume());
    order({}, "\x1b[2J", WhatArrives::is_refused);
    EXPECT_EQ(why(), "paused: \\x1b[2J");
    EXPECT_TRUE(pause_->closed()->refuses);
}

// For a time, and no longer; a new order takes the old one's place.
TEST_F(PauseTest, ends_when_its_time_is_over) {
    start();
    order(60s);
    EXPECT_EQ(why(), "paused: by an operator");
    EXPECT_EQ(pause_->status()->left_seconds, 60.0);
    pass(59s);
    order(10s);
    pass(9s);
    EXPECT_NE(why(), "open");
    pass(1s);
    EXPECT_EQ(why(), "open");
    EXPECT_EQ(opened_, 1);
    EXPECT_FALSE(resume());  // waits for what is being stored
    EXPECT_FALSE(std::filesystem::exists(files_.order));
}

// A restart, and a clock that is set meanwhile.
TEST_F(PauseTest, outlives_a_restart) {
    start();
    order(1h, "kernel update", WhatArrives::is_refused);
    end();
    clock_.advance(30min);
    clock_.set_wall(kPauseDay + 24h * 365);
    start();
    EXPECT_EQ(why(), "paused: kernel update");
    EXPECT_TRUE(pause_->closed()->refuses);
    EXPECT_EQ(pause_->status()->left_seconds, 1800.0);
    pass(30min);
    EXPECT_EQ(why(), "open");
}

// A reboot: the wall clock says how long it took. One that was set back makes a pause no longer than it was ordered.
TEST_F(PauseTest, outlives_a_reboot) {
    start();
    order(1h);
    end();
    reboot("second boot", kPauseDay + 45min);
    start();
    EXPECT_EQ(pause_->status()->left_seconds, 900.0);
    end();
    reboot("third boot", kPauseDay - 24h);
    start();
    EXPECT_EQ(pause_->status()->left_seconds, 3600.0);
    end();
    reboot("fourth boot", kPauseDay + 2h);
    start();
    EXPECT_EQ(why(), "open");
    EXPECT_EQ(opened_, 1);
}

// On a machine without a clock of its own: set after the order, after the reboot, or never in the boot of the order.
TEST_F(PauseTest, outlives_a_clock_that_is_set) {
    clock_.set_wall(WallTime{} + 20s);
    start();
    order(24h);
    const auto as_ordered = stored_order();
    clock_.set_wall(kPauseDay);
    pass(1h);
    while (stored_order() == as_ordered) test::settle(context_);
    end();
    reboot("second boot", kPauseDay + 2h);
    start();
    EXPECT_EQ(pause_->status()->left_seconds, 22 * 3600.0);
    end();
    reboot("third boot", WallTime{} + 20s);
    start();
    clock_.set_wall(kPauseDay + 3h);
    pass(1h);
    EXPECT_EQ(pause_->status()->left_seconds, 23 * 3600.0) << "how long it was off is not known";

    resume();
    clock_.set_wall(WallTime{} + 20s);
    order(24h);
    end();
    reboot("fourth boot", kPauseDay + 5h);
    start();
    EXPECT_EQ(pause_->status()->left_seconds, 24 * 3600.0);
    pass(24h);
    EXPECT_EQ(why(), "open");
}

// What a damaged order said is not known: what commands would do cannot be undone, so none starts.
TEST_F(PauseTest, stays_closed_on_an_order_that_cannot_be_read) {
    for (const char* text :
         {"", "{", "[]", "{\"note\":1}", "{\"sinceUnixMs\":\"x\",\"note\":\"\",\"refuse\":true,\"bootId\":\"\"}"}) {
        folder_.write("outbox.pause.json", text);
        start();
        EXPECT_THAT(why(), HasSubstr("cannot be read")) << text;
        EXPECT_TRUE(resume());
        EXPECT_EQ(why(), "open");
    }
    std::filesystem::create_directory(files_.order);
    start();
    EXPECT_THAT(why(), HasSubstr("cannot be read"));
}

// The numbers of an order may be anything, too.
TEST(PauseOrder, is_read_within_bounds) {
    const auto order = read_pause_order(
        R"({"sinceUnixMs":-5,"untilUnixMs":9223372036854775807,"note":"n","refuse":false,"bootId":"b","untilBootMs":-9223372036854775808})");
    ASSERT_TRUE(order);
    EXPECT_EQ(order->since, WallTime());
    EXPECT_GT(*order->until, kPauseDay);
    EXPECT_EQ(order->until_boot, Duration::zero());
    PauseOrder one{.since = kPauseDay,
                   .until = kPauseDay + 1h,
                   .note = "why \"so\"",
                   .what_arrives = WhatArrives::is_refused,
                   .boot_id = "boot",
                   .until_boot = 5h};
    const auto back = read_pause_order(to_json(one)).value();
    EXPECT_EQ(back.since, one.since);
    EXPECT_EQ(back.until, one.until);
    EXPECT_EQ(back.note, one.note);
    EXPECT_EQ(back.what_arrives, one.what_arrives);
    EXPECT_EQ(back.until_boot, one.until_boot);
}

// `flock HOLD COMMAND`: closed while it is locked, seen at once, and its end within a second.
TEST_F(PauseTest, is_closed_while_the_hold_is_held) {
    start();
    struct stat status {};
    ASSERT_EQ(stat(files_.hold.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << "a lock needs no more than a file that can be read";
    for (int round = 0; round < 2; ++round) {
        const int other = open(files_.hold.c_str(), O_RDONLY | O_CLOEXEC);
        ASSERT_EQ(flock(other, LOCK_EX | LOCK_NB), 0);
        EXPECT_THAT(why(), HasSubstr("another program holds"));
        if (round == 1) {  // the other time it is over before anybody looks again
            closed_ = 0;
            pass(1s);
            EXPECT_GT(closed_, 0);
        }
        close(other);
        EXPECT_EQ(why(), "open");
        pass(1s);
        EXPECT_EQ(opened_, round + 1);
        // The next one locks another file of that name.
        std::filesystem::remove(files_.hold);
        pass(1s);
    }
}

// The hold and an order are two things: each keeps commands from starting.
TEST_F(PauseTest, resume_leaves_the_hold_in_force) {
    start();
    const int other = open(files_.hold.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(flock(other, LOCK_EX | LOCK_NB), 0);
    order({}, "both");
    EXPECT_TRUE(resume());
    EXPECT_THAT(why(), HasSubstr("another program holds"));
    EXPECT_EQ(opened_, 0);
    close(other);
    pass(1s);
    EXPECT_EQ(opened_, 1);
}

// An order that could not be stored is in force, and says that it will not outlive the process.
TEST_F(PauseTest, is_in_force_although_it_cannot_be_stored) {
    files_.order = folder_.path() / "missing" / "outbox.pause.json";
    start();
    auto pausing = pause_->pause({}, "why", WhatArrives::waits);
    EXPECT_FALSE(test::run_task(context_, std::move(pausing)));
    EXPECT_EQ(why(), "paused: why");
    files_.order.clear();  // an outbox in memory has no folder
    start();
    order({}, "why");
    EXPECT_EQ(why(), "paused: why");
    start();
    EXPECT_EQ(why(), "open");
}

struct PauseRow {
    const char* query;
    int status;
    const char* answer;
};

// What an operator may ask for.
TEST_F(PauseTest, routes_take_what_makes_sense) {
    start();
    const auto routes = pause_routes(*pause_);
    const PauseRow rows[] = {{"seconds=10&note=a%20b&refuse=yes", 200, R"("kept":true)"},
                             {"", 200, R"("paused":true)"},
                             {"seconds=0", 400, "whole number"},
                             {"seconds=-1", 400, "whole number"},
                             {"seconds=1x", 400, "whole number"},
                             {"seconds=99999999999", 400, "whole number"}};
    for (const auto& row : rows) {
        auto asking = routes.at("POST /pause")({.query = row.query, .body = {}});
        const auto reply = test::run_task(context_, std::move(asking));
        EXPECT_EQ(reply.status, row.status) << row.query;
        EXPECT_THAT(reply.json, HasSubstr(row.answer)) << row.query;
    }
    auto resuming = routes.at("POST /resume")({});
    EXPECT_EQ(test::run_task(context_, std::move(resuming)).json, R"({"closed":null,"resumed":true})");
}

}  // namespace
}  // namespace jiro::daemon
