// SPDX-License-Identifier: MIT
// Two clocks: within a boot ages are elapsed time, between two they are wall time; whatever is done to the wall clock.
#include "delivery/outbox_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "outbox_driver.hpp"
#include "support/outbox_in_memory.hpp"
#include "support/tmpfs_dir.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr WallTime kToday = std::chrono::sys_days(std::chrono::year(2026) / 11 / 28);
constexpr Duration kDay = 24h;

TEST(RowAge, is_elapsed_time) {
    EXPECT_EQ(age_of(kToday, {kToday + 66s, kToday + 30 * kDay}), 66s);
    EXPECT_EQ(age_of(kToday, {kToday + 66s, kToday - 2 * kDay}), 66s);
    EXPECT_EQ(age_of(kToday + 5s, {kToday, kToday}), 0s);
}

TEST(RowAge, of_the_previous_boot_is_corrected_by_what_its_clock_was_set_by) {
    const auto rows = [](const PreviousBoot& previous, WallTime now) { return correction_of(previous, now).rows; };
    EXPECT_EQ(rows({0ms, kToday}, kToday + 3h), 0ms);
    EXPECT_EQ(rows({0ms, std::nullopt}, kToday), 0ms);
    // It was set while it ran.
    const auto set_by = std::chrono::duration_cast<std::chrono::milliseconds>(30 * kDay);
    EXPECT_EQ(rows({set_by, kToday}, kToday + 31 * kDay), set_by);
    EXPECT_EQ(rows({-set_by, kToday}, kToday - 29 * kDay), -set_by);
    EXPECT_EQ(rows({0ms, kToday}, kToday - 2h), -2h);
    const auto from_1970 = std::chrono::duration_cast<std::chrono::milliseconds>(kToday.time_since_epoch());
    EXPECT_EQ(rows({from_1970, WallTime{} + 20s}, kToday + 3h), from_1970);
    // It never was: its latest row is of just now, on whatever clock there is now.
    EXPECT_EQ(WallTime{} + 20s + rows({0ms, WallTime{} + 20s}, kToday), kToday);
    EXPECT_EQ(WallTime{} + 20s + rows({0ms, WallTime{} + 20s}, WallTime{} + 5s), WallTime{} + 5s);
    // So it is after more than a year; but what waits has waited.
    EXPECT_EQ(rows({0ms, kToday}, kToday + 360 * kDay), 0ms);
    const auto ahead = correction_of({set_by, kToday}, kToday + 20'000 * kDay);
    EXPECT_EQ(kToday + ahead.rows, kToday + 20'000 * kDay);
    EXPECT_EQ(ahead.waiting, set_by);
}

// The same tests with the redo log and without.
class TwoClocks : public testing::TestWithParam<bool>, public OutboxDriver {
  protected:
    TwoClocks() {
        settings_.path = folder_.path() / "outbox.db";
        settings_.ballast_bytes = 0;
        if (GetParam() && tmpfs_.exists()) settings_.redo_log = tmpfs_.path() / "redo.log";
    }
    void open() {
        outbox_.reset();
        outbox_ = std::move(open_sqlite_outbox(clock_, settings_)).value();
    }
    // As a whole machine: what is in tmpfs is gone, so the stop is in good order.
    void reboot(const std::string& id, WallTime wall) {
        (void)run(outbox_->next_due());  // carries the time to the storage thread
        outbox_.reset();
        clock_.reboot(id);
        clock_.set_wall(wall);
        open();
    }
    void leave_rows() {
        admit("waits", FirstState::received);
        for (const char* id : {"done", "delivered"}) {
            admit(id, FirstState::running);
            (void)finish(id);
        }
        (void)due();
        outbox_->released({"done"});
        deliver("delivered");
    }
    // What is a minute old is a minute old: nothing is given up, forgotten or timed out.
    void expect_fresh() {
        EXPECT_THAT(run(outbox_->expire(settings_.max_age, 0, 10)).value(), IsEmpty());
        EXPECT_EQ(admit("delivered", FirstState::running), Admission::already_settled);
        const auto rows = due();
        ASSERT_EQ(rows.size(), 2U);
        for (const auto& row : rows) EXPECT_LT(outbox_->now() - row.finished_at, 1h) << row.id;
        EXPECT_LT(outbox_->now() - *figures().oldest_undelivered, 1h);
        outbox_->released({"done", "delivered"});
        deliver("delivered");
    }
    // And after its time it is.
    void expect_old_after_its_time() {
        clock_.advance(25h);
        EXPECT_EQ(admit("delivered", FirstState::received), Admission::accepted);
        clock_.advance(144h);
        EXPECT_THAT(run(outbox_->expire(settings_.max_age, 0, 10)).value(), ElementsAre("done"));
    }
    Recovery recover() { return run(outbox_->recover(make_outcome, {})).value(); }

    test::TempDir folder_;
    test::TmpfsDir tmpfs_;
    OutboxSettings settings_;
};
INSTANTIATE_TEST_SUITE_P(Outbox, TwoClocks, testing::Bool(),
                         [](const auto& each) { return each.param ? "WithRedoLog" : "WithoutRedoLog"; });

// +30 days, -2 days, 1970 -> now, in a running process.
TEST_P(TwoClocks, measure_elapsed_time_in_a_process) {
    for (const WallTime set_to : {kToday + 30 * kDay, kToday - 2 * kDay, WallTime{} + 20s}) {
        SCOPED_TRACE((set_to - kToday) / 1h);
        settings_.path = folder_.path() / std::to_string(set_to.time_since_epoch().count());
        clock_.set_wall(kToday);
        open();
        leave_rows();
        clock_.advance(66s);
        clock_.set_wall(set_to);
        expect_fresh();
        expect_old_after_its_time();
    }
    clock_.set_wall(WallTime{} + 20s);
    settings_.path = folder_.path() / "from 1970";
    open();
    leave_rows();
    clock_.advance(66s);
    clock_.set_wall(kToday);
    expect_fresh();
    expect_old_after_its_time();
}

// The same when the clock is set while the daemon does not run.
TEST_P(TwoClocks, measure_elapsed_time_across_a_restart_in_one_boot) {
    for (const auto& [stamped, set_to] :
         {std::pair{kToday, kToday + 30 * kDay}, std::pair{kToday, kToday - 2 * kDay}, std::pair{WallTime{}, kToday}}) {
        SCOPED_TRACE((set_to - stamped) / 1h);
        settings_.path = folder_.path() / std::to_string(set_to.time_since_epoch().count());
        clock_.set_wall(stamped);
        open();
        leave_rows();
        admit("waits-too", FirstState::received);
        outbox_.reset();
        clock_.advance(66s);
        clock_.set_wall(set_to);
        open();
        const auto recovery = recover();
        ASSERT_EQ(recovery.to_run.size(), 2U);
        EXPECT_EQ(recovery.to_run[1].receipt.id, "waits-too");
        EXPECT_EQ(recovery.to_run[1].waited, 66s);
        expect_fresh();
        expect_old_after_its_time();
    }
}

// Between two boots by wall time: the machine was off for a month.
TEST_P(TwoClocks, measure_wall_time_between_two_boots) {
    clock_.set_wall(kToday);
    open();
    leave_rows();
    reboot("second boot", kToday + 3h);
    EXPECT_EQ(recover().to_run.at(0).waited, 3h);
    EXPECT_EQ(outbox_->now() - due().at(0).finished_at, 3h);
    outbox_->released({"done"});
    reboot("third boot", kToday + 30 * kDay);
    EXPECT_THAT(run(outbox_->expire(settings_.max_age, 0, 10)).value(), ElementsAre("done"));
    EXPECT_EQ(admit("delivered", FirstState::received), Admission::accepted);
}

// The clock was set in the boot that stamped the rows: the next one knows by how much.
TEST_P(TwoClocks, correct_what_a_wrong_clock_stamped) {
    for (const WallTime wrong : {WallTime{} + 20s, kToday - 2 * kDay, kToday + 30 * kDay}) {
        SCOPED_TRACE((wrong - kToday) / 1h);
        settings_.path = folder_.path() / std::to_string(wrong.time_since_epoch().count());
        clock_.reboot("first boot");
        clock_.set_wall(wrong);
        open();
        leave_rows();
        clock_.advance(66s);
        clock_.set_wall(kToday);
        reboot("second boot", kToday + 10min);
        expect_fresh();
        expect_old_after_its_time();
    }
}

// A machine without a clock of its own, whose time was never set, or is set only after the next start.
TEST_P(TwoClocks, do_not_age_by_half_a_century_in_a_reboot) {
    clock_.set_wall(WallTime{} + 20s);
    open();
    leave_rows();
    reboot("second boot", kToday);
    expect_fresh();
    reboot("third boot", WallTime{} + 20s);
    expect_fresh();
    clock_.set_wall(kToday + 10min);
    expect_fresh();
    expect_old_after_its_time();
}

// Whatever is done to the clock later in a boot: earlier boots' rows are as old as they were at its start. So it is
// where no boot had a clock for long, and where this one's was ahead at its start.
TEST_P(TwoClocks, keep_the_age_of_earlier_boots_when_the_clock_is_set) {
    clock_.set_wall(WallTime{} + 20s);
    open();
    leave_rows();
    reboot("second boot", WallTime{} + 25s);
    expect_fresh();
    reboot("third boot", WallTime{} + 20s);
    clock_.advance(66s);
    clock_.set_wall(kToday);
    expect_fresh();
    reboot("fourth boot", kToday + 20'000 * kDay);
    EXPECT_GT(recover().to_run.at(0).waited, 19'000 * kDay);
    expect_fresh();
    clock_.set_wall(kToday + 3min);
    expect_fresh();
    reboot("fifth boot", kToday + 5min);
    expect_fresh();
    expect_old_after_its_time();
}

// A damaged file says by which clock its rows are.
TEST_P(TwoClocks, keep_the_age_of_rows_that_were_taken_over) {
    clock_.set_wall(WallTime{} + 20s);
    open();
    leave_rows();
    clock_.advance(66s);
    clock_.set_wall(kToday);
    (void)run(outbox_->next_due());
    outbox_.reset();
    Database(settings_.path.string(), Database::Mode::read_write).execute("PRAGMA application_id = 1");
    open();
    EXPECT_THAT(figures().problem, testing::HasSubstr("damaged"));
    expect_fresh();
    expect_old_after_its_time();
}

// Where the boot is not known, each process is one.
TEST_P(TwoClocks, do_without_a_boot_id) {
    clock_.reboot("");
    clock_.set_wall(kToday);
    open();
    leave_rows();
    clock_.set_wall(kToday + 30 * kDay);
    expect_fresh();
    clock_.set_wall(kToday + 66s);
    reboot("", kToday + 66s);
    expect_fresh();
}

// For people there is wall time.
TEST_P(TwoClocks, show_wall_time) {
    clock_.set_wall(WallTime{} + 20s);
    open();
    leave_rows();
    clock_.advance(66s);
    clock_.set_wall(kToday);
    const auto shown = run(outbox_->show("done")).value().summary;
    EXPECT_EQ(shown.received_at, kToday - 66s);
    EXPECT_EQ(shown.finished_at, kToday - 66s);
}

// An idempotent command that was interrupted runs again, however long ago it came; the limit was of its waiting.
TEST_P(TwoClocks, begin_again_what_had_begun) {
    open();
    auto receipt = make_receipt("idempotent", 1, outbox_->now() + 60s);
    receipt.idempotent = true;
    admit(receipt, FirstState::running);
    for (int start = 1; start <= 2; ++start) {
        clock_.advance(5min);
        open();
        const auto recovery = recover();
        ASSERT_EQ(recovery.to_run.size(), 1U);
        EXPECT_EQ(recovery.to_run[0].starts, 1);
    }
}

TEST(TwoClocksInMemory, measure_elapsed_time) {
    OutboxDriver driver;
    driver.outbox_ = test::outbox_in_memory(driver.clock_);
    driver.admit("a", FirstState::running);
    (void)driver.finish("a");
    driver.clock_.advance(66s);
    driver.clock_.step_wall(30 * kDay);
    EXPECT_THAT(driver.run(driver.outbox_->expire(168h, 0, 10)).value(), IsEmpty());
    (void)driver.due();
    driver.deliver("a");
    driver.clock_.step_wall(30 * kDay);
    EXPECT_EQ(driver.admit("a"), Admission::already_settled);
}

}  // namespace
}  // namespace jiro::delivery
