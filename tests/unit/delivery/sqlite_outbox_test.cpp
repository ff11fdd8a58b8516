// SPDX-License-Identifier: MIT
#include "jiro/delivery/sqlite_outbox.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/errors.hpp"
#include "outbox_driver.hpp"
#include "support/disk_faults.hpp"
#include "support/held_database.hpp"
#include "support/log_capture.hpp"
#include "support/small_disk.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
namespace fs = std::filesystem;

class SqliteOutboxTest : public testing::Test, public OutboxDriver {
  protected:
    SqliteOutboxTest() {
        settings_.path = folder_.path() / "state" / "outbox.db";
        settings_.ballast_bytes = 0;
    }
    void open() {
        outbox_.reset();
        outbox_ = std::move(open_sqlite_outbox(clock_, settings_)).value();
    }
    Recovery recover() { return run(outbox_->recover(make_outcome, {})).value(); }
    std::string read(const fs::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::vector<std::string> aside() {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(settings_.path.parent_path())) {
            const auto name = entry.path().filename().string();
            if (name.find(".corrupt-") != std::string::npos && !name.ends_with("-wal")) names.push_back(name);
        }
        return names;
    }
    void execute(const std::string& sql) const {
        Database database(settings_.path.string(), Database::Mode::read_write);
        database.execute(sql);
    }
    // As the first version wrote it.
    void make_version_1() const {
        execute(R"(
            ALTER TABLE commands RENAME TO later;
            CREATE TABLE commands (
                sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, fingerprint BLOB,
                received_at INTEGER NOT NULL, run_before INTEGER NOT NULL, idempotent INTEGER NOT NULL,
                starts INTEGER NOT NULL DEFAULT 0, receipt_sum INTEGER NOT NULL, kind TEXT, finished_at INTEGER,
                due_at INTEGER, attempts INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0,
                was_cut INTEGER NOT NULL DEFAULT 0, settled_at INTEGER, last_error TEXT, message_sum INTEGER,
                payload BLOB, message BLOB);
            INSERT INTO commands SELECT sequence, id, state, fingerprint, received_at, run_before, idempotent, starts,
                receipt_sum, kind, finished_at, due_at, attempts, refusals, was_cut, settled_at, last_error,
                message_sum, payload, message FROM later;
            DROP TABLE later;
            CREATE INDEX unfinished ON commands(sequence) WHERE state IN ('received', 'running');
            CREATE INDEX due ON commands(due_at, sequence) WHERE state = 'done';
            CREATE INDEX undelivered ON commands(finished_at) WHERE state = 'done';
            CREATE INDEX delivered ON commands(settled_at) WHERE state = 'delivered';
            CREATE INDEX forgotten ON commands(settled_at) WHERE state = 'forgotten';
            CREATE INDEX dead ON commands(sequence) WHERE state = 'dead';
            UPDATE facts SET value = 1 WHERE name = 'schema';
            PRAGMA user_version = 1)");
    }
    // Rows in every state.
    void fill(int count) {
        for (int i = 0; i < count; ++i) {
            const auto id = "id-" + std::to_string(i);
            admit(id, i % 6 == 0 ? FirstState::received : FirstState::running);
            if (i % 6 < 2) continue;
            (void)finish(id, Lease::yes);
            if (i % 6 == 3) outbox_->delivered(id);
            if (i % 6 == 4) (void)run(outbox_->dead(id, "why"));
            if (i % 6 == 5) outbox_->postponed({id, 2, 0, clock_.wall_now(), "why"});
        }
        (void)run(outbox_->next_due());
    }

    test::TempDir folder_;
    OutboxSettings settings_;
};

// A file of an earlier version is taken on with all that is in it.
TEST_F(SqliteOutboxTest, takes_on_a_file_of_an_earlier_version) {
    open();
    fill(60);
    outbox_.reset();
    make_version_1();
    open();
    EXPECT_EQ(figures().pending, 20U);
    EXPECT_EQ(figures().dead_letters, 10U);
    EXPECT_EQ(recover().interrupted.size(), 10U);
    for (const auto& row : due()) EXPECT_FALSE(row.whole);
    EXPECT_TRUE(figures().problem.empty());
}

// Also when it is damaged.
TEST_F(SqliteOutboxTest, salvages_a_file_of_an_earlier_version) {
    open();
    fill(60);
    outbox_.reset();
    make_version_1();
    execute("PRAGMA application_id = 1");
    open();
    EXPECT_EQ(aside().size(), 1U);
    EXPECT_EQ(figures().pending, 20U);
    EXPECT_EQ(figures().unfinished, 20U);
    EXPECT_EQ(figures().dead_letters, 10U);
}

// What was suspended waits for another boot, however often the daemon is started in this one, and through damage; then
// it is to run again, and was interrupted when that run is cut off.
TEST_F(SqliteOutboxTest, what_was_suspended_goes_on_in_another_boot) {
    open();
    admit("a", FirstState::running);
    ASSERT_TRUE(suspend("a"));
    for (const char* damage : {"", "PRAGMA application_id = 1"}) {
        clock_.advance(10s);
        outbox_.reset();
        execute(damage);
        open();
        const auto recovery = recover();
        ASSERT_EQ(recovery.to_run.size(), 1U) << damage;
        EXPECT_EQ(recovery.to_run[0].resumes, 1);
        EXPECT_TRUE(recovery.to_run[0].awaits_reboot);
        EXPECT_EQ(start("a").error().code, errc::wrong_state);
    }
    EXPECT_EQ(aside().size(), 1U);

    for (int resumes = 1; resumes <= 2; ++resumes) {
        outbox_.reset();
        clock_.step_wall(90s);
        clock_.reboot("boot " + std::to_string(resumes));
        open();
        const auto recovery = recover();
        ASSERT_EQ(recovery.to_run.size(), 1U);
        EXPECT_EQ(recovery.to_run[0].resumes, resumes);
        EXPECT_FALSE(recovery.to_run[0].awaits_reboot);
        EXPECT_EQ(recovery.to_run[0].suspended_for, resumes == 1 ? 110s : 90s);
        ASSERT_TRUE(start("a"));
        if (resumes == 1) {
            ASSERT_TRUE(suspend("a"));
        }
    }
    outbox_.reset();
    open();
    EXPECT_THAT(recover().interrupted, ElementsAre(Field(&Receipt::id, "a")));
}

// A command that goes on without the process keeps its row, and ends as any other.
TEST_F(SqliteOutboxTest, what_goes_on_stays_running) {
    open();
    for (const char* id : {"ends", "goes on", "goes on, too"}) admit(id, FirstState::running);
    outbox_.reset();
    open();
    const auto goes_on = [](const std::string& id) { return id.starts_with("goes on"); };
    const auto recovery = run(outbox_->recover(make_outcome, goes_on)).value();
    EXPECT_THAT(recovery.interrupted, ElementsAre(Field(&Receipt::id, "ends")));
    ASSERT_EQ(recovery.running.size(), 2U);
    EXPECT_EQ(recovery.running[0].receipt.id, "goes on");
    EXPECT_FALSE(recovery.running[0].receipt.payload.empty());
    EXPECT_TRUE(recovery.to_run.empty());
    EXPECT_EQ(figures().unfinished, 2U);
    EXPECT_EQ(start("goes on").error().code, errc::wrong_state);
    ASSERT_TRUE(finish("goes on"));
    EXPECT_EQ(due().size(), 2U);
    outbox_.reset();
    open();
    EXPECT_THAT(recover().interrupted, ElementsAre(Field(&Receipt::id, "goes on, too")));
}

// A whole message beside its short form survives a restart and a damaged file; one that is damaged itself is not sent.
TEST_F(SqliteOutboxTest, keeps_the_whole_message_of_a_short_form) {
    open();
    for (const char* id : {"a", "damaged"}) {
        admit(id, FirstState::running);
        (void)finish(id, Lease::yes);
        (void)run(outbox_->replaced(id, std::make_shared<const std::string>("short")));
    }
    outbox_.reset();
    execute("UPDATE commands SET whole = 'other' WHERE id = 'damaged'; PRAGMA application_id = 1");
    open();
    EXPECT_EQ(aside().size(), 1U);
    EXPECT_EQ(*run(outbox_->show("a")).value().whole, "message of a");
    EXPECT_FALSE(run(outbox_->show("damaged")).value().whole);
    EXPECT_FALSE(run(outbox_->retry("damaged", Resend::whole)));
    EXPECT_TRUE(run(outbox_->retry("a", Resend::whole)));
    for (const auto& row : due()) EXPECT_EQ(*row.message, row.id == "a" ? "message of a" : "short");
}

// Nobody else may read results: 0600 in 0700, also when the umask is lax.
TEST_F(SqliteOutboxTest, keeps_its_files_private) {
    const auto before = umask(0);
    settings_.ballast_bytes = 64 * 1024;
    open();
    admit("a");
    umask(before);
    EXPECT_EQ(fs::status(settings_.path.parent_path()).permissions(), fs::perms::owner_all);
    for (const auto& entry : fs::directory_iterator(settings_.path.parent_path())) {
        EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << entry.path();
    }
}

// A second daemon on the same file gets a named error; when the first is gone it may have it.
TEST_F(SqliteOutboxTest, lets_one_process_in) {
    open();
    const auto second = open_sqlite_outbox(clock_, settings_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::in_use);
    EXPECT_THAT(second.error().message, HasSubstr("in use by another"));
    admit("a");
    open();
    EXPECT_EQ(figures().unfinished, 1U);
}

// Another program (sqlite3, a backup) that holds the file is waited for, by name; nothing is moved or lost.
TEST_F(SqliteOutboxTest, waits_for_another_program) {
    open();
    admit("before", FirstState::received);
    outbox_.reset();
    std::optional<Database> other(std::in_place, settings_.path.string(), Database::Mode::read_write);
    other->execute("BEGIN IMMEDIATE");
    open();
    EXPECT_FALSE(figures().writable);
    EXPECT_THAT(figures().problem, HasSubstr("another program has it open"));
    EXPECT_EQ(admit("meanwhile"), Admission::refused);

    other.reset();
    while (!figures().writable) std::this_thread::yield();
    EXPECT_EQ(recover().to_run.size(), 1U);
    EXPECT_EQ(admit("after"), Admission::accepted);
    EXPECT_TRUE(aside().empty());
}

// A statement that fails in a sound file is no damage: the file stays where it is, and everything else goes on.
TEST_F(SqliteOutboxTest, keeps_a_sound_file_when_a_statement_fails) {
    open();
    outbox_.reset();
    execute(
        "CREATE TRIGGER poison BEFORE INSERT ON commands WHEN NEW.id = 'poison' "
        "BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END");
    open();
    EXPECT_EQ(admit("good"), Admission::accepted);
    EXPECT_EQ(admit("poison"), Admission::refused);
    EXPECT_EQ(admit("better"), Admission::accepted);
    EXPECT_TRUE(figures().writable);
    EXPECT_EQ(figures().unfinished, 2U);
    EXPECT_TRUE(aside().empty());
}

// What a restart finds: received rows are given back, running ones are interrupted, done ones are sent.
TEST_F(SqliteOutboxTest, recovers_each_row_by_its_state) {
    open();
    auto idempotent = make_receipt("idempotent");
    idempotent.idempotent = true;
    admit("received", FirstState::received);
    admit("running", FirstState::running);
    admit(idempotent, FirstState::running);
    admit(make_receipt("old", 1, clock_.wall_now() + 1s), FirstState::received);
    admit("done", FirstState::running);
    (void)finish("done", Lease::yes);
    admit("delivered", FirstState::running);
    (void)finish("delivered", Lease::yes);
    outbox_->delivered("delivered");
    clock_.advance(1min);
    open();

    const Recovery recovery = recover();

    ASSERT_EQ(recovery.to_run.size(), 3U);
    EXPECT_EQ(recovery.to_run[0].receipt.id, "received");
    EXPECT_EQ(recovery.to_run[0].receipt.payload, "payload of received");
    EXPECT_EQ(recovery.to_run[0].receipt.fingerprint, make_receipt("received").fingerprint);
    EXPECT_EQ(recovery.to_run[0].starts, 0);
    EXPECT_EQ(recovery.to_run[1].receipt.id, "idempotent");
    EXPECT_EQ(recovery.to_run[1].starts, 1);
    EXPECT_EQ(recovery.to_run[2].receipt.id, "old") << "whether it may still run is not the outbox' to say";
    EXPECT_EQ(recovery.to_run[2].waited, 1min);
    EXPECT_THAT(recovery.interrupted, ElementsAre(Field(&Receipt::id, "running")));
    EXPECT_TRUE(recovery.problems.empty());
    std::map<std::string, std::string> messages;
    for (const auto& row : due()) messages[row.id] = *row.message;
    EXPECT_EQ(messages,
              (std::map<std::string, std::string>{{"done", "message of done"}, {"running", "interrupted running"}}));
    EXPECT_TRUE(start("received"));
    EXPECT_EQ(admit("delivered"), Admission::already_settled);
}

// Version 0.1 told contents apart by another hash: its rows are taken for the same, not for a conflict.
TEST_F(SqliteOutboxTest, compares_no_hash_of_another_kind) {
    open();
    auto old = make_receipt("a");
    for (std::size_t i = 0; i < old.fingerprint.size(); ++i) old.fingerprint.data()[i] = static_cast<std::uint8_t>(i);
    EXPECT_EQ(admit(old, FirstState::received), Admission::accepted);
    EXPECT_EQ(admit("a"), Admission::already_in_progress);
}

// An idempotent command that brings the daemon down each time is not run for ever.
TEST_F(SqliteOutboxTest, starts_an_idempotent_command_three_times_at_most) {
    open();
    auto receipt = make_receipt("a");
    receipt.idempotent = true;
    admit(receipt, FirstState::running);
    for (int starts = 1; starts < 3; ++starts) {
        open();
        const auto recovery = recover();
        ASSERT_EQ(recovery.to_run.size(), 1U);
        EXPECT_EQ(recovery.to_run[0].starts, starts);
        EXPECT_TRUE(start("a"));
    }
    open();
    EXPECT_THAT(recover().interrupted, ElementsAre(Field(&Receipt::id, "a")));
}

// Nor one that was cancelled while it ran.
TEST_F(SqliteOutboxTest, does_not_repeat_what_was_cancelled) {
    open();
    auto receipt = make_receipt("a");
    receipt.idempotent = true;
    admit(receipt, FirstState::running);
    EXPECT_TRUE(run(outbox_->not_again("a")));
    EXPECT_FALSE(run(outbox_->not_again("unknown")));
    open();
    const auto recovery = recover();
    EXPECT_TRUE(recovery.to_run.empty());
    EXPECT_THAT(recovery.interrupted, ElementsAre(Field(&Receipt::id, "a")));
}

// A payload that the daemon cannot read any more still ends in an outcome.
TEST_F(SqliteOutboxTest, settles_what_the_caller_cannot_make_an_outcome_of) {
    open();
    admit("a", FirstState::running);
    open();
    const auto recovery = run(outbox_->recover([](const Receipt&) -> Bytes { throw std::runtime_error("bad"); }, {}));
    ASSERT_TRUE(recovery);
    EXPECT_THAT(recovery->interrupted, ElementsAre(Field(&Receipt::id, "a")));
    ASSERT_EQ(recovery->problems.size(), 1U);
    EXPECT_THAT(recovery->problems[0].what, HasSubstr("bad"));
    EXPECT_EQ(due().size(), 1U);
}

// An outbox full of waiting commands is given back a part at a time. What is not given out yet is known all the same,
// and the commands that come meanwhile are not taken for what was left behind.
TEST_F(SqliteOutboxTest, recovers_in_parts_that_fit_into_memory) {
    open();
    constexpr int kCount = 20;
    const auto id_of = [](int i) { return "id-" + std::to_string(i); };
    for (int i = 0; i < kCount; ++i) {
        auto receipt = make_receipt(id_of(i));
        receipt.payload.assign(1 << 20, 'x');
        admit(receipt, FirstState::received);
    }
    admit("running", FirstState::running);
    open();
    std::vector<std::string> ids;
    Recovery part = recover();
    EXPECT_THAT(part.interrupted, ElementsAre(Field(&Receipt::id, "running")));
    EXPECT_EQ(admit(id_of(kCount - 1)), Admission::already_in_progress);
    EXPECT_EQ(admit("new"), Admission::accepted);
    for (;; part = recover()) {
        EXPECT_LE(part.to_run.size(), 4U);
        for (const auto& command : part.to_run) ids.push_back(command.receipt.id);
        if (part.is_all) break;
    }
    ASSERT_EQ(ids.size(), static_cast<std::size_t>(kCount));
    for (int i = 0; i < kCount; ++i) EXPECT_EQ(ids[static_cast<std::size_t>(i)], id_of(i));
    EXPECT_TRUE(recover().to_run.empty());
    EXPECT_EQ(state("new"), RowState::received);
}

// So are many small ones.
TEST_F(SqliteOutboxTest, recovers_a_bounded_number_at_a_time) {
    open();
    for (int i = 0; i < 1'001; ++i) admit("id-" + std::to_string(i));
    open();
    std::vector<std::size_t> sizes;
    for (Recovery part = recover();; part = recover()) {
        sizes.push_back(part.to_run.size());
        if (part.is_all) break;
    }
    EXPECT_THAT(sizes, ElementsAre(500U, 500U, 1U));
}

// Rows keep their places when a damaged file is made anew, also between two parts: the next one begins where the last
// ended.
TEST_F(SqliteOutboxTest, keeps_the_places_of_rows_when_it_is_made_anew) {
    open();
    for (int i = 0; i < 1'001; ++i) {
        admit("id-" + std::to_string(i), i == 0 ? FirstState::running : FirstState::received);
    }
    (void)finish("id-0");
    deliver("id-0");
    outbox_.reset();
    execute("DELETE FROM commands WHERE id = 'id-0'; PRAGMA application_id = 1");  // a gap at the beginning
    open();
    EXPECT_EQ(aside().size(), 1U);
    EXPECT_EQ(recover().to_run.front().receipt.id, "id-1");
    EXPECT_EQ(run(outbox_->show("id-1000")).value().summary.sequence, 1001);
}

// A row that was changed behind our back is found by its checksum, set aside as a dead letter, and harms no other.
TEST_F(SqliteOutboxTest, sets_a_damaged_row_aside) {
    open();
    admit("bad receipt", FirstState::received);
    admit("good receipt", FirstState::received);
    for (const char* id : {"bad message", "good message"}) {
        admit(id, FirstState::running);
        (void)finish(id);
    }
    outbox_.reset();
    {
        Database database(settings_.path.string(), Database::Mode::read_write);
        database.execute("UPDATE commands SET payload = 'other' WHERE id = 'bad receipt'");
        database.execute("UPDATE commands SET message = 'other' WHERE id = 'bad message'");
    }
    open();
    const Recovery recovery = recover();
    ASSERT_EQ(recovery.to_run.size(), 1U);
    EXPECT_EQ(recovery.to_run[0].receipt.id, "good receipt");
    ASSERT_EQ(recovery.problems.size(), 1U);
    EXPECT_EQ(recovery.problems[0].id, "bad receipt");
    EXPECT_THAT(due_ids(10), ElementsAre("good message"));
    EXPECT_EQ(figures().dead_letters, 2U);
    EXPECT_THAT(run(outbox_->show("bad message"))->summary.last_error, HasSubstr("checksum"));
}

// A database of a newer program is neither touched nor a reason to die: commands are refused by name until it is
// replaced.
TEST_F(SqliteOutboxTest, refuses_to_touch_a_newer_database) {
    open();
    outbox_.reset();
    {
        Database database(settings_.path.string(), Database::Mode::read_write);
        database.execute("PRAGMA user_version = 7; UPDATE facts SET value = 7 WHERE name = 'schema'");
    }
    const auto before = read(settings_.path);
    open();
    EXPECT_FALSE(figures().writable);
    EXPECT_THAT(figures().problem, HasSubstr("newer"));
    EXPECT_GE(figures().storage_errors, 1u);
    EXPECT_EQ(admit("a"), Admission::refused);
    EXPECT_EQ(last_reason_->code, storage_errc::newer_version);
    EXPECT_EQ(finish("a").error().code, storage_errc::newer_version);
    outbox_.reset();
    EXPECT_EQ(read(settings_.path), before);
}

// A damaged header is not taken for a newer program: the file is moved aside and its rows are taken over.
TEST_F(SqliteOutboxTest, salvages_behind_a_damaged_header) {
    open();
    fill(60);
    outbox_.reset();
    std::fstream file(settings_.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);  // user_version
    file.write("\x00\x00\x00\x63", 4);
    file.close();
    open();
    EXPECT_EQ(aside().size(), 1U);
    EXPECT_THAT(figures().problem, HasSubstr("damaged"));
    EXPECT_EQ(figures().unfinished, 20U);
    EXPECT_EQ(figures().pending, 20U);
    EXPECT_EQ(figures().dead_letters, 10U);
    EXPECT_EQ(figures().remembered, 10U);
    EXPECT_EQ(admit("id-3"), Admission::already_settled);
}

// An outbox whose file is empty or gone is not taken for a new one.
TEST_F(SqliteOutboxTest, says_that_an_outbox_was_here) {
    settings_.ballast_bytes = 64 * 1024;
    const auto truncate = [&] { fs::resize_file(settings_.path, 0); };
    const auto remove = [&] { fs::remove(settings_.path); };
    for (const auto& damage : {std::function<void()>(truncate), std::function<void()>(remove)}) {
        open();
        EXPECT_EQ(figures().problem, "");
        fill(10);
        outbox_.reset();
        damage();
        open();
        EXPECT_THAT(figures().problem, HasSubstr("damaged"));
        EXPECT_TRUE(figures().writable);
        EXPECT_EQ(admit("a"), Admission::accepted);
        outbox_.reset();
        fs::remove_all(settings_.path.parent_path());
    }
}

// Removed, moved away with its folder, or replaced while it is open: all of it is written into a new file.
TEST_F(SqliteOutboxTest, comes_back_when_its_file_is_gone) {
    const auto folder = settings_.path.parent_path();
    const auto remove = [&] { fs::remove(settings_.path); };
    const auto replace = [&] {
        std::ofstream(folder / "other") << "another file";
        fs::rename(folder / "other", settings_.path);
    };
    const auto move_folder = [&] { fs::rename(folder, folder_.path() / "moved"); };
    for (const auto& harm :
         {std::function<void()>(remove), std::function<void()>(replace), std::function<void()>(move_folder)}) {
        open();
        fill(60);
        harm();
        while (figures().problem.empty()) (void)run(outbox_->next_due());
        EXPECT_THAT(figures().problem, HasSubstr("removed or replaced"));
        EXPECT_TRUE(figures().writable);
        EXPECT_EQ(admit("later"), Admission::accepted);
        for (const auto& name : aside()) EXPECT_FALSE(fs::exists(folder / (name + "-wal")));  // it was its own
        const auto count = static_cast<std::ptrdiff_t>(aside().size());
        EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 3 + count);  // with its log and the lock
        open();
        EXPECT_EQ(figures().problem, "");
        EXPECT_EQ(figures().unfinished, 21U);
        EXPECT_EQ(figures().pending, 20U);
        EXPECT_EQ(admit("id-3"), Admission::already_settled);
        outbox_.reset();
        fs::remove_all(folder);
    }
}

// A copy that cannot be opened leaves nothing behind when the next one is made.
TEST_F(SqliteOutboxTest, makes_its_copy_again) {
    open();
    fill(30);
    const auto log = settings_.path.string() + "-wal";
    fs::remove(settings_.path);
    fs::remove(log);
    fs::create_directory(log);
    run(outbox_->look_for_its_file());
    EXPECT_TRUE(figures().is_astray);
    EXPECT_TRUE(fs::exists(settings_.path));
    fs::remove(log);
    while (!figures().writable) (void)run(outbox_->next_due());
    EXPECT_THAT(aside(), testing::IsEmpty());
    open();
    EXPECT_EQ(figures().pending, 10U);
}

// Its log alone: what is there then is all that whoever opens it after a kill finds.
TEST_F(SqliteOutboxTest, makes_its_log_again) {
    open();
    fill(30);
    const auto log = settings_.path.string() + "-wal";
    const auto remove = [&] { fs::remove(log); };
    const auto replace = [&] {
        fs::remove(log);
        std::ofstream(log) << "another file";
    };
    const test::TempDir copies;
    for (const auto& harm : {std::function<void()>(remove), std::function<void()>(replace)}) {
        harm();
        EXPECT_EQ(admit(std::to_string(figures().unfinished)), Admission::accepted);
        run(outbox_->look_for_its_file());
        EXPECT_THAT(figures().problem, HasSubstr("its log was removed"));
        EXPECT_TRUE(figures().writable);
        EXPECT_EQ(admit(std::to_string(figures().unfinished)), Admission::accepted);
    }
    const auto left = copies.path() / "outbox.db";
    fs::copy(settings_.path, left);
    fs::copy(log, left.string() + "-wal");
    outbox_.reset();
    settings_.path = left;
    open();
    EXPECT_EQ(figures().problem, "");
    EXPECT_EQ(figures().unfinished, 14U);
    EXPECT_EQ(figures().pending, 10U);
}

// Its file or its log is emptied: what is lost with that is told by its number, and it goes on.
TEST_F(SqliteOutboxTest, tells_what_was_cut_off) {
    for (const std::string suffix : {"", "-wal"}) {
        SCOPED_TRACE(suffix);
        const test::LogCapture log;
        open();
        fill(30);
        if (suffix.empty()) open();  // all of it is in the file itself
        run(outbox_->look_for_its_file());
        fs::resize_file(settings_.path.string() + suffix, 0);
        run(outbox_->look_for_its_file());
        EXPECT_EQ(log.field("Results are lost", "count"), "15");
        EXPECT_EQ(figures().lost, 15U);
        EXPECT_EQ(figures().pending, 0U);
        EXPECT_TRUE(figures().writable);
        EXPECT_THAT(figures().problem, HasSubstr("damaged"));
        EXPECT_EQ(admit("later"), Admission::accepted);
        outbox_.reset();
        fs::remove_all(settings_.path.parent_path());
    }
}

// What is written to an emptied log stands behind a hole. That is not put over what is whole in the file, and what
// waits there may have run since.
TEST_F(SqliteOutboxTest, keeps_its_file_from_a_log_that_was_emptied) {
    const auto log = settings_.path.string() + "-wal";
    const auto empty = [&] { fs::resize_file(log, 0); };
    const auto overwrite = [&] { std::fstream(log, std::ios::in | std::ios::out) << std::string(100, 'x'); };
    for (const auto& harm : {std::function<void()>(empty), std::function<void()>(overwrite)}) {
        for (const bool is_removed : {false, true}) {
            SCOPED_TRACE(is_removed);
            open();
            fill(30);
            admit("waits");
            open();  // all of it is in the file itself
            admit("in the log");
            run(outbox_->look_for_its_file());
            harm();
            for (int i = 0; i < 20; ++i) (void)outbox_->delivered("nobody's " + std::to_string(i), RowIs::there);
            (void)admit("behind the hole");
            if (is_removed) fs::remove(log);
            run(outbox_->look_for_its_file());
            EXPECT_TRUE(figures().writable) << figures().problem;
            EXPECT_EQ(figures().pending, 10U);
            EXPECT_EQ(state("waits"), RowState::running);
            outbox_.reset();
            fs::remove_all(settings_.path.parent_path());
        }
    }
}

// Removed while it could not be opened: the new one is not passed off as what was there.
TEST_F(SqliteOutboxTest, tells_what_was_removed_while_it_was_closed) {
    const test::LogCapture log;
    open();
    fill(30);
    {
        test::DiskFaults disk;
        disk.fail_writes(EIO);
        EXPECT_EQ(admit("a"), Admission::refused);
        fs::remove_all(settings_.path.parent_path());
    }
    while (!figures().writable) (void)run(outbox_->next_due());
    EXPECT_EQ(log.field("Results are lost", "count"), "15");
    EXPECT_EQ(figures().lost, 15U);
}

// The lock as well: nobody else comes in.
TEST_F(SqliteOutboxTest, takes_its_lock_anew) {
    open();
    const auto lock = settings_.path.string() + ".lock";
    fs::remove(lock);
    while (!fs::exists(lock)) (void)run(outbox_->next_due());
    EXPECT_EQ(open_sqlite_outbox(clock_, settings_).error().code, errc::in_use);
    EXPECT_EQ(figures().problem, "");
}

// What another process has by now is left alone; who lost its place refuses commands by that reason, and says at its
// end what is lost.
TEST_F(SqliteOutboxTest, leaves_its_place_to_who_has_it) {
    const test::LogCapture log;
    open();
    fill(30);
    const auto theirs = folder_.path() / "theirs";
    fs::create_directory(theirs);
    std::ofstream(theirs / "outbox.db") << "another's";
    const int lock = ::open((theirs / "outbox.db.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(flock(lock, LOCK_EX), 0);
    fs::rename(settings_.path.parent_path(), folder_.path() / "moved");
    fs::rename(theirs, settings_.path.parent_path());
    while (figures().problem.empty()) (void)run(outbox_->next_due());
    EXPECT_THAT(figures().problem, HasSubstr("cannot be made again"));
    EXPECT_TRUE(figures().is_astray);
    EXPECT_FALSE(figures().writable);
    EXPECT_EQ(admit("new"), Admission::refused);
    EXPECT_THAT(last_reason_->message, HasSubstr("removed or replaced"));
    auto shortest = Duration::max();  // of a look, which does not wait for the lock
    for (int i = 0; i < 5; ++i) {
        const auto asked = std::chrono::steady_clock::now();
        run(outbox_->look_for_its_file());
        shortest = std::min<Duration>(shortest, std::chrono::steady_clock::now() - asked);
    }
    EXPECT_LT(shortest, 150ms);
    outbox_.reset();
    EXPECT_EQ(log.field("Results are lost", "count"), "10");
    EXPECT_THAT(aside(), testing::IsEmpty());
    EXPECT_EQ(read(settings_.path), "another's");
    close(lock);
}

// Nothing is copied that cannot take its place; put back, the file is what the next start finds, not a copy of it.
TEST_F(SqliteOutboxTest, leaves_no_copy_of_a_file_that_is_put_back) {
    open();
    fill(30);
    const auto away = folder_.path() / "away";
    fs::rename(settings_.path, away);
    std::ofstream(settings_.path) << "another's";
    {
        const test::HeldDatabase held(settings_.path);
        while (figures().problem.empty()) (void)run(outbox_->next_due());
        EXPECT_TRUE(figures().is_astray);
        EXPECT_FALSE(fs::exists(settings_.path.string() + ".rebuilding"));
        EXPECT_FALSE(fs::exists(settings_.path.string() + ".rebuilt"));
        fs::rename(away, settings_.path);
    }
    while (!figures().writable) (void)run(outbox_->next_due());
    EXPECT_EQ(admit("later"), Admission::accepted);
    open();
    EXPECT_EQ(figures().problem, "");
    EXPECT_EQ(admit("later"), Admission::already_in_progress);
    EXPECT_THAT(aside(), testing::IsEmpty());
}

// Not a second later: whoever stops wants to say what is kept.
TEST_F(SqliteOutboxTest, looks_for_its_file_when_asked) {
    open();
    fill(30);
    run(outbox_->look_for_its_file());
    const auto folder = settings_.path.parent_path();
    fs::rename(folder, folder_.path() / "moved");
    std::ofstream(folder).close();
    run(outbox_->look_for_its_file());
    EXPECT_TRUE(figures().is_astray);
    fs::remove(folder);
    run(outbox_->look_for_its_file());
    EXPECT_FALSE(figures().is_astray);
    EXPECT_TRUE(figures().writable);
}

// Removed a moment before the stop: all the same.
TEST_F(SqliteOutboxTest, comes_back_at_its_end) {
    open();
    fill(30);
    fs::remove(settings_.path);
    open();
    EXPECT_EQ(figures().pending, 10U);
}

TEST_F(SqliteOutboxTest, makes_its_reserve_again) {
    settings_.ballast_bytes = 4096;
    open();
    const auto ballast = settings_.path.string() + ".ballast";
    fs::remove(ballast);
    while (!fs::exists(ballast)) (void)run(outbox_->next_due());
    EXPECT_EQ(fs::file_size(ballast), 4096U);
}

// No file is too broken to start: not a database at all, empty, or cut in the middle.
TEST_F(SqliteOutboxTest, starts_with_any_file) {
    for (const std::string& content : {std::string("not a database"), std::string(), std::string(100'000, '\0'),
                                       std::string("SQLite format 3\0", 16), std::string(8192, '\xFF')}) {
        open();
        outbox_.reset();
        std::ofstream(settings_.path, std::ios::binary) << content;
        open();
        EXPECT_TRUE(figures().writable) << figures().problem;
        EXPECT_EQ(admit("a"), Admission::accepted);
        outbox_.reset();
        fs::remove_all(settings_.path.parent_path());
    }
}

// A path that was mistaken: another program's file stays as it is.
TEST_F(SqliteOutboxTest, touches_no_file_that_was_never_an_outbox) {
    const fs::path folder = settings_.path.parent_path();
    fs::create_directories(folder);
    std::ofstream(settings_.path).close();
    execute("CREATE TABLE customers (id)");
    for (const std::string& content : {read(settings_.path), std::string("Outbox: {}\n"), std::string(100'000, '\0')}) {
        std::ofstream(settings_.path, std::ios::binary) << content;
        fs::permissions(settings_.path, fs::perms(0644));
        const auto opened = open_sqlite_outbox(clock_, settings_);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, errc::wrong_file);
        EXPECT_THAT(opened.error().message, HasSubstr(settings_.path.string()));
        EXPECT_EQ(read(settings_.path), content);
        EXPECT_EQ(fs::status(settings_.path).permissions(), fs::perms(0644));
        EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
    }
}

// No room for the new file: the damaged one stays where it is, and is taken over when there is room.
TEST_F(SqliteOutboxTest, does_not_begin_empty_when_it_cannot_be_made_anew) {
    open();
    fill(300);
    outbox_.reset();
    execute("PRAGMA application_id = 1");
    settings_.max_pages = 12;
    open();
    EXPECT_THAT(figures().problem, HasSubstr("full"));
    EXPECT_EQ(admit("new"), Admission::refused);
    EXPECT_THAT(aside(), testing::IsEmpty());
    outbox_.reset();
    settings_.max_pages = 0;
    open();
    EXPECT_EQ(aside().size(), 1U);
    EXPECT_EQ(figures().pending, 100U);
    EXPECT_EQ(figures().unfinished, 100U);
}

// Killed while the new file takes the damaged one's place: finished at the next start. Killed before: begun anew.
TEST_F(SqliteOutboxTest, goes_on_with_a_replacement_that_was_begun) {
    const auto with = [this](const char* suffix) { return fs::path(settings_.path.string() + suffix); };
    for (const bool was_moved_aside : {false, true}) {
        open();
        admit("kept");
        outbox_.reset();
        fs::rename(settings_.path, with(".rebuilt"));
        std::ofstream(with(".rebuilding")) << "half of a file";
        if (!was_moved_aside) std::ofstream(settings_.path) << "damaged";
        open();
        EXPECT_THAT(figures().problem, HasSubstr("damaged"));
        EXPECT_EQ(figures().unfinished, 1U);
        EXPECT_EQ(aside().size(), was_moved_aside ? 0U : 1U);
        EXPECT_FALSE(fs::exists(with(".rebuilt")));
        outbox_.reset();
        execute("PRAGMA application_id = 1");
        open();
        EXPECT_EQ(figures().unfinished, 1U);
        EXPECT_FALSE(fs::exists(with(".rebuilding")));
        outbox_.reset();
        std::ofstream(with(".rebuilt")) << "";
        const auto before = aside().size();
        open();
        EXPECT_EQ(figures().unfinished, 1U);
        EXPECT_EQ(aside().size(), before);
        outbox_.reset();
        fs::remove_all(settings_.path.parent_path());
    }
}

// A block of the WAL is gone: what stands behind it is there, and no row of which it cannot be told runs again.
TEST_F(SqliteOutboxTest, a_damaged_log_costs_its_place_only) {
    settings_.durability = Durability::power;
    open();
    fill(300);
    const auto file = read(settings_.path);
    const auto log = read(settings_.path.string() + "-wal");
    outbox_.reset();
    std::size_t end = 32;  // of the log's last round: its frames have the header's salts
    while (end + 4120 <= log.size() && log.compare(end + 8, 8, log, 16, 8) == 0) end += 4120;
    const auto place = end / 2 / 4096 * 4096;
    for (const std::size_t size : {std::size_t{1}, std::size_t{4096}}) {
        std::ofstream(settings_.path, std::ios::binary) << file;
        auto damaged = log;
        for (std::size_t i = 0; i < size; ++i) damaged[place + i] = static_cast<char>(damaged[place + i] ^ 0x10);
        std::ofstream(settings_.path.string() + "-wal", std::ios::binary) << damaged;
        open();
        const auto recovery = recover();
        if (size == 1) {
            EXPECT_THAT(figures().problem, HasSubstr("nothing is lost"));
            EXPECT_EQ(recovery.to_run.size(), 50U);
            EXPECT_EQ(recovery.interrupted.size(), 50U);
            EXPECT_EQ(figures().pending, 150U);
        } else {
            EXPECT_THAT(figures().problem, HasSubstr("damaged"));
            EXPECT_EQ(recovery.to_run.size(), 0U);
            EXPECT_GT(recovery.interrupted.size(), 80U);
            EXPECT_EQ(admit("id-299"), Admission::already_settled);
        }
        outbox_.reset();
    }
}

// Random damage of database and WAL: it always starts, always works, and what it gives out is never garbage.
TEST_F(SqliteOutboxTest, survives_random_damage) {
    open();
    fill(300);
    const test::TempDir originals;
    // A copy while it is open has a WAL, as after kill -9; one after closing has none.
    fs::copy(settings_.path, originals.path() / "open.db");
    fs::copy(settings_.path.string() + "-wal", originals.path() / "open.db-wal");
    outbox_.reset();
    fs::copy(settings_.path, originals.path() / "closed.db");

    const char* wanted = std::getenv("JIRO_DAMAGE_SEEDS");
    const unsigned seeds = wanted == nullptr ? 60 : static_cast<unsigned>(std::stoul(wanted));
    std::size_t moved_aside = 0;
    for (unsigned seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        fs::remove_all(settings_.path.parent_path());
        fs::create_directories(settings_.path.parent_path());
        std::ofstream(settings_.path.string() + ".lock");
        std::mt19937 random(seed);
        const bool has_wal = random() % 2 == 0;
        const std::string base = has_wal ? "open.db" : "closed.db";
        for (const std::string suffix : {"", "-wal"}) {
            if (!fs::exists(originals.path() / (base + suffix))) continue;
            auto bytes = read(originals.path() / (base + suffix));
            const bool damage_this = has_wal ? (suffix.empty() ? random() % 2 == 0 : true) : true;
            if (damage_this && !bytes.empty()) {
                if (random() % 4 == 0) bytes.resize(random() % bytes.size());
                for (auto flips = random() % 30; flips > 0 && !bytes.empty(); --flips) {
                    bytes[random() % bytes.size()] ^= static_cast<char>(1 << (random() % 8));
                }
                if (random() % 4 == 0 && bytes.size() > 4096) {
                    const auto at = random() % (bytes.size() - 4096);
                    for (std::size_t i = 0; i < 4096; ++i) bytes[at + i] = static_cast<char>(random());
                }
            }
            std::ofstream(settings_.path.string() + suffix, std::ios::binary) << bytes;
        }
        open();
        ASSERT_TRUE(figures().writable) << figures().problem;
        const auto recovery = run(outbox_->recover(make_outcome, {}));
        ASSERT_TRUE(recovery) << recovery.error().message;
        for (int i = 0; i < 20; ++i) {
            const auto rows = run(outbox_->due(50));
            ASSERT_TRUE(rows) << rows.error().message;
            if (rows->empty()) break;
            for (const auto& row : *rows) {
                const auto& message = *row.message;
                ASSERT_TRUE(message == "message of " + row.id || message == "interrupted " + row.id) << message;
                outbox_->delivered(row.id);
            }
        }
        ASSERT_EQ(admit("new-" + std::to_string(seed), FirstState::running), Admission::accepted);
        ASSERT_TRUE(finish("new-" + std::to_string(seed)));
        ASSERT_TRUE(run(outbox_->list({})));
        moved_aside += aside().size();
        open();
        ASSERT_TRUE(figures().writable);
        ASSERT_THAT(due_ids(1000), testing::Contains("new-" + std::to_string(seed)));
    }
    EXPECT_GT(moved_aside, 0U);
    EXPECT_LE(moved_aside, seeds + seeds / 2);
}

// The database's own limit reached: new commands are refused, what is in hand can end, and room made is noticed.
TEST_F(SqliteOutboxTest, refuses_and_recovers_when_full) {
    settings_.max_pages = 100;
    open();
    admit("in hand", FirstState::running);
    const std::string big(20'000, 'x');
    std::vector<std::string> stored;
    for (int i = 0; i < 100; ++i) {
        const auto id = "id-" + std::to_string(i);
        if (admit(id, FirstState::running) != Admission::accepted) break;
        if (!run(outbox_->finished(id, Outcome::succeeded, std::make_shared<const std::string>(big), Lease::no))) break;
        stored.push_back(id);
    }
    EXPECT_GT(stored.size(), 5U);
    EXPECT_LT(stored.size(), 30U);
    EXPECT_FALSE(figures().writable);
    EXPECT_EQ(admit("new"), Admission::refused);
    EXPECT_EQ(last_reason_->code, storage_errc::full);
    EXPECT_THAT(due_ids(1), ElementsAre(stored[0]));

    for (const auto& id : stored) (void)run(outbox_->drop(id));
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (!figures().writable && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(figures().writable);
    EXPECT_EQ(admit("new"), Admission::accepted);
    EXPECT_TRUE(finish("in hand"));
}

// A really full disk (a small tmpfs): the ballast is given back, what is in hand ends, and space is noticed, without a
// restart. Also when its log was removed, which needs room to be made again.
class FullDiskTest : public SqliteOutboxTest, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(LogIsGone, FullDiskTest, testing::Bool());

TEST_P(FullDiskTest, is_survived) {
    const test::SmallDisk disk(settings_.path.parent_path(), "size=4m");
    if (!disk.is_there()) GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    settings_.ballast_bytes = 1024 * 1024;
    open();
    admit("in hand", FirstState::running);
    if (GetParam()) fs::remove(settings_.path.string() + "-wal");
    disk.fill();
    // Refused by name sooner or later, at the latest when the look at the disk is due.
    Admission admission = Admission::accepted;
    for (int i = 0; i < 200 && admission == Admission::accepted; ++i) {
        auto receipt = make_receipt("id-" + std::to_string(i));
        receipt.payload = std::string(50'000, 'y');
        admission = admit(receipt, FirstState::running);
    }
    EXPECT_EQ(admission, Admission::refused);
    EXPECT_FALSE(figures().writable);
    EXPECT_TRUE(finish("in hand", Lease::yes));
    deliver("in hand");
    EXPECT_EQ(state("in hand"), RowState::delivered);

    disk.free();
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (!figures().writable && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(figures().writable) << figures().problem;
    EXPECT_EQ(admit("new"), Admission::accepted);
    outbox_.reset();
}

// No room even to open (no inode left): the daemon lives, refuses by name, and opens the outbox when there is room.
TEST_F(SqliteOutboxTest, opens_late_when_inodes_ran_out) {
    const test::SmallDisk disk(settings_.path.parent_path(), "size=4m,nr_inodes=4");
    if (!disk.is_there()) GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    std::vector<fs::path> fillers;
    for (int i = 0; i < 3; ++i) {
        fillers.push_back(settings_.path.parent_path() / std::to_string(i));
        std::ofstream(fillers.back()) << 'x';
    }
    open();
    EXPECT_EQ(admit("a"), Admission::refused);
    EXPECT_EQ(last_reason_->code, storage_errc::full) << last_reason_->message;
    for (const auto& filler : fillers) fs::remove(filler);
    const auto limit = std::chrono::steady_clock::now() + 15s;
    while (!figures().writable && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(figures().writable) << figures().problem;
    EXPECT_EQ(admit("a"), Admission::accepted);
    outbox_.reset();
}

// A full disk hides no other reason why it cannot be opened: who waits for room then would wait for ever.
TEST_F(SqliteOutboxTest, a_full_disk_is_not_the_reason_of_everything) {
    const test::SmallDisk disk(settings_.path.parent_path(), "size=4m");
    if (!disk.is_there()) GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    open();
    disk.fill();
    const auto second = open_sqlite_outbox(clock_, settings_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::in_use) << second.error().message;
    outbox_.reset();

    disk.free();
    {
        Database database(settings_.path.string(), Database::Mode::read_write);
        database.execute("PRAGMA user_version = 7; UPDATE facts SET value = 7 WHERE name = 'schema'");
    }
    disk.fill();
    open();
    EXPECT_EQ(admit("a"), Admission::refused);
    EXPECT_EQ(last_reason_->code, storage_errc::newer_version) << last_reason_->message;
    EXPECT_THAT(figures().problem, HasSubstr("newer"));
    outbox_.reset();
}

// Not openable at the start: what waits in it is recovered once it opens, and nothing new gets among that before.
TEST_F(SqliteOutboxTest, takes_nothing_until_recovered) {
    open();
    admit("waiting", FirstState::received);
    admit("running", FirstState::running);
    outbox_.reset();
    const fs::path hidden = settings_.path.string() + ".hidden";
    fs::rename(settings_.path, hidden);
    fs::create_symlink("nowhere", settings_.path);  // is not followed: cannot be opened
    open();
    ASSERT_FALSE(run(outbox_->recover(make_outcome, {})));
    fs::rename(hidden, settings_.path);
    const auto limit = std::chrono::steady_clock::now() + 15s;
    while (!figures().writable && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(20ms);
    ASSERT_TRUE(figures().writable) << figures().problem;

    EXPECT_EQ(admit("early"), Admission::refused);
    EXPECT_EQ(last_reason_->code, storage_errc::read_only) << last_reason_->message;
    const Recovery recovery = recover();

    ASSERT_EQ(recovery.to_run.size(), 1U);
    EXPECT_EQ(recovery.to_run[0].receipt.id, "waiting");
    EXPECT_THAT(recovery.interrupted, ElementsAre(Field(&Receipt::id, "running")));
    EXPECT_EQ(admit("early"), Admission::accepted);
}

// Remembered rows give way: first their messages, then, beyond the number allowed, the oldest ids.
TEST_F(SqliteOutboxTest, bounds_what_it_remembers) {
    settings_.max_bytes = 100'000;
    settings_.max_tombstones = 50;
    open();
    for (int i = 0; i < 100; ++i) {
        const auto id = "id-" + std::to_string(i);
        admit(id, FirstState::running);
        (void)run(
            outbox_->finished(id, Outcome::succeeded, std::make_shared<const std::string>(2000, 'x'), Lease::yes));
        deliver(id);
        clock_.advance(1s);
    }
    open();  // sweeps
    (void)run(outbox_->next_due());
    (void)run(outbox_->next_due());
    EXPECT_EQ(figures().remembered, 50U);
    EXPECT_EQ(admit("id-0"), Admission::accepted);
    EXPECT_EQ(admit("id-51"), Admission::already_forgotten);
    EXPECT_EQ(admit("id-99"), Admission::already_settled);
}

// However many ids come after it, that of a signed command is known for as long as its signature may be good.
TEST_F(SqliteOutboxTest, forgets_signed_commands_last) {
    settings_.max_tombstones = 50;
    open();
    auto is_signed = make_receipt("signed");
    is_signed.run_before = kRememberedWhateverComes;
    const auto end = [&](const std::string& id) {
        EXPECT_TRUE(finish(id, Lease::yes));
        deliver(id);
        clock_.advance(1s);
    };
    admit(is_signed, FirstState::running);
    end("signed");
    for (int i = 0; i < 100; ++i) {
        admit("id-" + std::to_string(i), FirstState::running);
        end("id-" + std::to_string(i));
    }
    open();  // sweeps
    (void)run(outbox_->next_due());
    (void)run(outbox_->next_due());
    EXPECT_EQ(figures().remembered, 50U);
    EXPECT_EQ(admit("id-0"), Admission::accepted);
    EXPECT_EQ(admit(is_signed, FirstState::running), Admission::already_settled);

    (void)due();
    deliver("signed");  // again
    clock_.advance(settings_.dedupe_window + 1min);
    open();
    (void)run(outbox_->next_due());
    EXPECT_EQ(admit(is_signed, FirstState::running), Admission::accepted);
}

// Both durabilities do the same work.
TEST_F(SqliteOutboxTest, works_with_power_durability) {
    settings_.durability = Durability::power;
    open();
    fill(30);
    open();
    EXPECT_EQ(recover().to_run.size(), 5U);
}

// A commit that is on the disk although it was reported as failed: each step counts once, and what it gave out is not
// given out again.
TEST_F(SqliteOutboxTest, finds_a_commit_that_was_reported_as_failed) {
    test::DiskFaults disk;  // before any thread is in SQLite
    settings_.durability = Durability::power;
    open();
    const auto failing = [&](auto step) {
        disk.fail_next_syncs(EIO, 2);  // the commit's, and that of the log's end, which would drop the commit
        step();
        EXPECT_FALSE(disk.awaits_sync());
    };
    failing([&] { EXPECT_EQ(admit("a"), Admission::accepted); });
    failing([&] { EXPECT_TRUE(start("a")); });
    failing([&] { EXPECT_TRUE(suspend("a")); });
    failing([&] { EXPECT_TRUE(finish("a", Lease::yes)); });
    EXPECT_TRUE(due().empty());
    failing([&] { EXPECT_TRUE(run(outbox_->dead("a", "why"))); });
    failing([&] { EXPECT_EQ(run(outbox_->retry_all_dead()).value(), 1U); });
    EXPECT_EQ(due().size(), 1U);
    outbox_->released({"a"});
    failing([&] { EXPECT_TRUE(run(outbox_->drop("a"))); });
    EXPECT_GE(figures().storage_errors, 7U);
    EXPECT_EQ(figures().remembered, 1U);
    EXPECT_EQ(figures().pending, 0U);
}

// What only reads writes nothing, and so meets no failing disk.
TEST_F(SqliteOutboxTest, writes_nothing_where_it_only_reads) {
    test::DiskFaults disk;  // before any thread is in SQLite
    settings_.durability = Durability::power;
    open();
    admit("a", FirstState::running);
    EXPECT_TRUE(finish("a"));
    disk.fail_next_syncs(EIO, 1);
    EXPECT_EQ(due().size(), 1U);
    EXPECT_TRUE(run(outbox_->list({})));
    EXPECT_TRUE(run(outbox_->expire(1h, 0, 10)));
    EXPECT_TRUE(run(outbox_->make_all_due_now()));
    EXPECT_TRUE(disk.awaits_sync());
}

}  // namespace
}  // namespace jiro::delivery
