// SPDX-License-Identifier: MIT
// The outbox with a redo log: what is appended is promised, and the database gets it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "delivery/redo/redo_log.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "outbox_driver.hpp"
#include "support/disk_faults.hpp"
#include "support/log_capture.hpp"
#include "support/small_disk.hpp"
#include "support/tmpfs_dir.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
namespace fs = std::filesystem;

class SqliteOutboxRedoTest : public testing::Test, public OutboxDriver {
  protected:
    void SetUp() override {
        if (!tmpfs_.exists()) GTEST_SKIP() << "no tmpfs to write to";
        settings_.path = folder_.path() / "outbox.db";
        settings_.redo_log = tmpfs_.path() / "redo.log";
        settings_.ballast_bytes = 0;
    }

    void open() {
        outbox_.reset();
        outbox_ = std::move(open_sqlite_outbox(clock_, settings_)).value();
    }
    // Until new ids are told from known ones without asking the database.
    void open_and_learn() {
        open();
        for (int probe = 0; probe < 2'000; ++probe) {
            const auto id = "probe-" + std::to_string(probe);
            (void)admit(id);
            if (is_in_log(id)) return;
        }
        FAIL() << "no command went through the redo log";
    }
    // In one piece: a log is 32 MiB long.
    static std::string content_of(const fs::path& path) {
        std::error_code none;
        const auto size = fs::file_size(path, none);
        std::string content(none ? 0 : size, '\0');
        std::ifstream(path, std::ios::binary).read(content.data(), static_cast<std::streamsize>(content.size()));
        return content;
    }
    bool is_in_log(const std::string& id) const { return content_of(settings_.redo_log).find(id) != std::string::npos; }
    // A log as a process leaves it that is killed before anything of it is redone.
    void leave_behind(const std::vector<RedoRecord>& changes) const {
        const auto log = RedoLog::open(settings_.redo_log, settings_.path, 0).value();
        for (const auto& change : changes) ASSERT_TRUE(log->append(change));
    }
    // As kill -9 leaves the files.
    void kill() {
        (void)run(outbox_->next_due());  // what was appended before may be in the database now, or not
        std::map<fs::path, std::string> files;
        for (const auto& path : {settings_.path, fs::path(settings_.path.string() + "-wal"), settings_.redo_log}) {
            files[path] = content_of(path);
        }
        outbox_.reset();
        for (const auto& [path, bytes] : files) std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    void execute(const std::string& sql) const {
        Database database(settings_.path.string(), Database::Mode::read_write);
        database.execute(sql);
    }
    ReceivedChange received(std::string_view id, FirstState state = FirstState::running) const {
        ReceivedChange change{id, {}, "payload", clock_.wall_now(), WallTime::max(), false, state};
        change.fingerprint.fill(1);
        return change;
    }
    FinishedChange finished(std::string_view id, Lease lease = Lease::no) const {
        return {id, Outcome::succeeded, "message", lease, clock_.wall_now()};
    }
    std::vector<RedoRecord> settled(std::string_view id) const {
        return {received(id), finished(id), DeliveredChange{id, clock_.wall_now()}};
    }
    fs::path kept_file() const { return settings_.path.string() + ".kept"; }
    static blkcnt_t blocks_of(const fs::path& path) {
        struct stat status {};
        return stat(path.c_str(), &status) == 0 ? status.st_blocks : -1;
    }
    Recovery recover() { return run(outbox_->recover(make_outcome, {})).value(); }

    test::TmpfsDir tmpfs_;
    test::TempDir folder_;
    OutboxSettings settings_;
};

// What could not be redone on its disk would hold up all that is to be delivered.
TEST_F(SqliteOutboxRedoTest, takes_no_command_that_its_disk_may_have_no_room_for) {
    const test::SmallDisk disk(folder_.path(), "size=80m");
    if (!disk.is_there()) GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    open_and_learn();
    const FileDescriptor other(::open((folder_.path() / "other").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(posix_fallocate(other.get(), 0, 30 * 1024 * 1024), 0);
    (void)run(outbox_->next_due());
    EXPECT_EQ(admit("short of room", FirstState::running), Admission::accepted);
    EXPECT_FALSE(is_in_log("short of room"));
    ASSERT_EQ(ftruncate(other.get(), 0), 0);
    (void)run(outbox_->next_due());
    EXPECT_EQ(admit("with room", FirstState::running), Admission::accepted);
    EXPECT_TRUE(is_in_log("with room"));
    outbox_.reset();
}

// Every step of a plain command is in the log when it is promised; asked for, it is in the database.
TEST_F(SqliteOutboxRedoTest, commits_in_the_log) {
    open_and_learn();
    EXPECT_EQ(admit("quick", FirstState::received), Admission::accepted);
    EXPECT_TRUE(is_in_log("quick"));
    EXPECT_TRUE(start("quick"));
    EXPECT_TRUE(finish("quick", Lease::yes));
    EXPECT_TRUE(is_in_log("message of quick"));
    EXPECT_EQ(figures().pending, 1U);
    outbox_->delivered("quick");
    EXPECT_EQ(figures().pending, 0U);
    EXPECT_EQ(state("quick"), RowState::delivered);
    EXPECT_EQ(*run(outbox_->show("quick"))->message, "message of quick");
}

// A stop in good order leaves all of it in the database and no log.
TEST_F(SqliteOutboxRedoTest, leaves_no_log_behind) {
    open_and_learn();
    admit("a", FirstState::running);
    (void)finish("a");
    outbox_.reset();
    EXPECT_FALSE(fs::exists(settings_.redo_log));
    settings_.redo_log.clear();
    test::LogCapture log;
    open();
    EXPECT_EQ(state("a"), RowState::done);
    EXPECT_THAT(log.text(), testing::Not(HasSubstr("is gone")));
}

// What the killed process had appended is redone before anything else is looked at.
TEST_F(SqliteOutboxRedoTest, redoes_what_a_killed_process_left) {
    leave_behind({received("waits", FirstState::received), received("ran"), received("done"),
                  finished("done", Lease::yes), received("sent"), finished("sent"),
                  DeliveredChange{"sent", clock_.wall_now()}, received("began", FirstState::received),
                  StartedChange{"began"}});
    open();
    const auto recovery = recover();
    ASSERT_EQ(recovery.to_run.size(), 1U);
    EXPECT_EQ(recovery.to_run[0].receipt.id, "waits");
    EXPECT_EQ(recovery.to_run[0].receipt.payload, "payload");
    EXPECT_THAT(recovery.interrupted, ElementsAre(Field(&Receipt::id, "ran"), Field(&Receipt::id, "began")));
    EXPECT_EQ(state("sent"), RowState::delivered);
    EXPECT_EQ(state("done"), RowState::done);
    EXPECT_EQ(figures().unfinished, 1U);
    EXPECT_EQ(figures().pending, 3U);
    // Also the one that the killed process had in its hands.
    EXPECT_THAT(due_ids(10), testing::UnorderedElementsAre("ran", "began", "done"));
    EXPECT_EQ(admit("sent"), Admission::already_settled);
}

// Its file was removed: what it held is in the database, and what comes is in a new one.
TEST_F(SqliteOutboxRedoTest, begins_a_new_log_when_its_file_is_gone) {
    test::LogCapture log;
    open_and_learn();
    ASSERT_EQ(admit("before"), Admission::accepted);
    fs::remove(settings_.redo_log);
    while (!fs::exists(settings_.redo_log)) (void)run(outbox_->next_due());
    ASSERT_EQ(admit("after"), Admission::accepted);
    EXPECT_TRUE(is_in_log("after"));
    kill();
    EXPECT_TRUE(log.contains("a new one is made"));
    open();
    EXPECT_EQ(state("before"), RowState::received);
    EXPECT_EQ(state("after"), RowState::received);
    EXPECT_FALSE(log.contains("is gone"));
}

// The database cannot be told of the new one: said once, tried at each look.
TEST_F(SqliteOutboxRedoTest, says_once_that_a_new_log_cannot_be_used) {
    test::DiskFaults disk;  // before any thread is in SQLite
    const test::LogCapture log;
    open_and_learn();
    (void)run(outbox_->next_due());
    disk.fail_writes(ENOSPC);
    fs::remove(settings_.redo_log);
    for (int i = 0; i < 5; ++i) run(outbox_->look_for_its_file());
    EXPECT_EQ(log.count("The redo log was removed or replaced"), 1U);
    disk.fail_writes(0);
    run(outbox_->look_for_its_file());
    EXPECT_TRUE(log.contains("a new one is made"));
}

// Where none can be made: the long way, until one can.
TEST_F(SqliteOutboxRedoTest, does_without_a_log_until_one_can_be_made) {
    test::LogCapture log;
    open_and_learn();
    const auto other = settings_.redo_log.string() + ".other";
    std::ofstream(other) << "another's";
    fs::rename(other, settings_.redo_log);
    while (!log.contains("each step of a command waits for the database")) (void)run(outbox_->next_due());
    ASSERT_EQ(admit("between"), Admission::accepted);
    EXPECT_TRUE(finish("between"));
    EXPECT_EQ(fs::file_size(settings_.redo_log), 9U);
    fs::remove(settings_.redo_log);
    while (!log.contains("a new one is made")) (void)run(outbox_->next_due());
    ASSERT_EQ(admit("after"), Admission::accepted);
    EXPECT_TRUE(is_in_log("after"));
    EXPECT_EQ(state("between"), RowState::done);
}

// A command that came and went in the log leaves its message beside the database. When it comes again it is sent again.
TEST_F(SqliteOutboxRedoTest, keeps_delivered_messages_beside_the_database) {
    leave_behind(settled("a"));
    open();
    EXPECT_EQ(run(outbox_->show("a"))->message ? *run(outbox_->show("a"))->message : "", "message");
    fs::remove(kept_file());
    while (!fs::exists(kept_file())) (void)run(outbox_->next_due());
    EXPECT_EQ(*run(outbox_->show("a"))->message, "message");
    outbox_.reset();
    {
        Database database(settings_.path.string(), Database::Mode::read_write);
        EXPECT_EQ(database.integer("SELECT count(*) FROM commands WHERE message IS NULL AND kept_bytes = 7"), 1);
    }
    leave_behind(settled("b"));
    open();
    EXPECT_EQ(admit("a"), Admission::already_settled);
    EXPECT_EQ(figures().pending, 1U);
    const auto rows = due();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(*rows[0].message, "message");
    deliver("a");
    EXPECT_EQ(figures().pending, 0U);
    EXPECT_EQ(admit("a"), Admission::already_settled) << "and once more, from the database";
    EXPECT_EQ(admit("b"), Admission::already_settled);
}

// One whose place was taken, or that was damaged, is forgotten: its id is not.
TEST_F(SqliteOutboxRedoTest, forgets_a_kept_message_that_is_not_whole) {
    leave_behind(settled("a"));
    open();
    ASSERT_EQ(state("a"), RowState::delivered);  // it is redone
    std::ofstream(kept_file(), std::ios::binary | std::ios::in) << "M";
    EXPECT_EQ(admit("a"), Admission::already_forgotten);
    EXPECT_EQ(run(outbox_->show("a"))->message, nullptr);
    fs::remove(kept_file());
    open();
    EXPECT_EQ(admit("a"), Admission::already_forgotten);
}

TEST_F(SqliteOutboxRedoTest, keeps_messages_in_the_database_when_it_cannot_beside_it) {
    fs::create_directory(kept_file());
    leave_behind(settled("a"));
    open();
    EXPECT_EQ(admit("a"), Admission::already_settled);
    ASSERT_EQ(due().size(), 1U);
}

// With its row, when that is too old to be remembered.
TEST_F(SqliteOutboxRedoTest, gives_the_space_of_kept_messages_back) {
    settings_.path = tmpfs_.path() / "outbox.db";  // whose file system can
    const std::string text(256 * 1024, 'x');
    auto changes = settled("a");
    std::get<FinishedChange>(changes[1]).message = text;
    leave_behind(changes);
    open();
    ASSERT_EQ(run(outbox_->show("a"))->message->size(), text.size());
    EXPECT_GT(blocks_of(kept_file()), 0);
    clock_.advance(settings_.dedupe_window + 1h);
    open();  // which sweeps
    EXPECT_FALSE(run(outbox_->show("a")));
    EXPECT_EQ(blocks_of(kept_file()), 0);
}

// Killed between the database's commit and the log's forgetting: nothing is done twice.
TEST_F(SqliteOutboxRedoTest, redoes_nothing_twice) {
    std::int64_t id = 0;
    RedoLog::Position end = 0;
    leave_behind({received("a"), finished("a")});
    {
        const auto log = RedoLog::open(settings_.redo_log, settings_.path, 0).value();
        id = log->id();
        end = log->end();
    }
    const auto saved = folder_.path() / "saved.log";
    fs::copy_file(settings_.redo_log, saved);
    open();
    ASSERT_TRUE(run(outbox_->drop("a")));
    outbox_.reset();
    fs::copy_file(saved, settings_.redo_log);
    {
        Database database(settings_.path.string(), Database::Mode::read_write);
        database.execute("INSERT OR REPLACE INTO facts VALUES ('redo_log', " + std::to_string(id) + "), ('redone', " +
                         std::to_string(end) + ")");
        database.execute("DELETE FROM commands");
    }
    open();
    EXPECT_FALSE(run(outbox_->show("a"))) << "it had been redone before";
}

// The database was put back from a copy: the log is redone over it, each row ends where it belongs.
TEST_F(SqliteOutboxRedoTest, redoes_over_rows_that_are_there) {
    settings_.redo_log.clear();
    open();
    admit("a", FirstState::received);
    admit("b", FirstState::running);
    (void)finish("b");
    outbox_.reset();
    settings_.redo_log = tmpfs_.path() / "redo.log";
    leave_behind({received("a"), finished("a"), received("b"), finished("b"), DeliveredChange{"b", clock_.wall_now()},
                  finished("unknown")});
    open();
    EXPECT_EQ(state("a"), RowState::done);
    EXPECT_EQ(state("b"), RowState::delivered);
    EXPECT_EQ(*run(outbox_->show("b"))->message, "message of b") << "the first outcome counts";
    EXPECT_EQ(state("unknown"), RowState::done);
    EXPECT_EQ(figures().pending, 2U);
    EXPECT_EQ(figures().unfinished, 0U);
    EXPECT_EQ(figures().remembered, 1U);
}

// A long command in hand stays in the log while others that came later go to the database. Killed then, the next
// process finds those again in the log: their rows and messages are as they were.
TEST_F(SqliteOutboxRedoTest, redoes_again_what_was_redone_ahead) {
    std::vector<RedoRecord> changes{received("in hand")};
    for (const auto& change : settled("ahead")) changes.push_back(change);
    leave_behind(changes);
    RedoLog::Position start = 0;
    std::int64_t id = 0;
    {
        const auto log = RedoLog::open(settings_.redo_log, settings_.path, 0).value();
        start = log->start();
        id = log->id();
    }
    const auto saved = folder_.path() / "saved.log";
    fs::copy_file(settings_.redo_log, saved);
    open();
    EXPECT_EQ(state("ahead"), RowState::delivered);
    outbox_.reset();
    fs::copy_file(saved, settings_.redo_log);
    execute("INSERT OR REPLACE INTO facts VALUES ('redo_log', " + std::to_string(id) + "), ('redone', " +
            std::to_string(start) + ")");
    execute("DELETE FROM commands WHERE id = 'in hand'");
    open();
    EXPECT_THAT(recover().interrupted, ElementsAre(Field(&Receipt::id, "in hand")));
    EXPECT_EQ(figures().pending, 1U);
    EXPECT_EQ(figures().remembered, 1U);
    EXPECT_EQ(admit("ahead"), Admission::already_settled);
    EXPECT_EQ(*run(outbox_->show("ahead"))->message, "message");
}

// Long texts, sixteen in hand all the time: more than the log holds goes through it, and every step counts once.
TEST_F(SqliteOutboxRedoTest, settles_long_commands_that_overlap) {
    constexpr int kCommands = 120;
    constexpr int kInHand = 16;
    open_and_learn();
    const auto before = figures();
    const auto name = [](int i) { return "long-" + std::to_string(i); };
    for (int i = 0; i < kCommands + kInHand; ++i) {
        if (i < kCommands) {
            auto receipt = make_receipt(name(i));
            receipt.payload.assign(250'000, static_cast<char>('a' + i % 26));
            ASSERT_EQ(admit(receipt, FirstState::running), Admission::accepted);
        }
        if (i < kInHand) continue;
        const auto text = std::make_shared<const std::string>(250'000, static_cast<char>('A' + i % 26));
        ASSERT_TRUE(run(outbox_->finished(name(i - kInHand), Outcome::succeeded, text, Lease::yes)));
        if (i % 10 != 0) outbox_->delivered(name(i - kInHand));
    }
    kill();
    open();
    EXPECT_EQ(figures().unfinished, before.unfinished);
    EXPECT_EQ(figures().pending, 12U);
    EXPECT_EQ(figures().remembered, before.remembered + kCommands - 12U);
    for (const auto& row : due()) EXPECT_EQ(row.message->size(), 250'000U);
    EXPECT_EQ(admit(name(117)), Admission::already_settled);
}

// A text that is too long for the log goes the long way, the rest of its command the short one.
TEST_F(SqliteOutboxRedoTest, mixes_both_ways) {
    open_and_learn();
    auto receipt = make_receipt("long");
    receipt.payload.assign(RedoLog::kMaxRecordBytes, 'x');
    EXPECT_EQ(admit(receipt, FirstState::received), Admission::accepted);
    EXPECT_TRUE(start("long"));
    EXPECT_EQ(start("long").error().code, errc::wrong_state);
    const auto message = std::make_shared<const std::string>(RedoLog::kMaxRecordBytes, 'y');
    EXPECT_TRUE(run(outbox_->finished("long", Outcome::succeeded, message, Lease::no)));
    EXPECT_EQ(due().at(0).message->size(), RedoLog::kMaxRecordBytes);
    deliver("long");
    EXPECT_EQ(state("long"), RowState::delivered);
    EXPECT_EQ(admit(receipt, FirstState::received), Admission::already_settled);
}

// More than the log holds: it goes on, at the database's pace.
TEST_F(SqliteOutboxRedoTest, goes_on_when_the_log_is_full) {
    open_and_learn();
    const auto message = std::make_shared<const std::string>(60'000, 'y');
    for (int i = 0; i < 300; ++i) {
        const auto id = "big-" + std::to_string(i);
        ASSERT_EQ(admit(id, FirstState::running), Admission::accepted);
        ASSERT_TRUE(run(outbox_->finished(id, Outcome::succeeded, message, Lease::yes)));
        outbox_->delivered(id);
    }
    EXPECT_EQ(state("big-299"), RowState::delivered);
    EXPECT_EQ(figures().pending, 0U);
}

// No log to be had is no reason to stop.
TEST_F(SqliteOutboxRedoTest, goes_on_without_a_log) {
    settings_.redo_log = tmpfs_.path() / "missing" / "redo.log";
    test::LogCapture log;
    open();
    EXPECT_EQ(admit("a", FirstState::running), Admission::accepted);
    EXPECT_TRUE(finish("a"));
    EXPECT_EQ(state("a"), RowState::done);
    EXPECT_THAT(log.text(), HasSubstr("No redo log"));
}

// One that may hold something but cannot be read is: what it holds could be done twice.
TEST_F(SqliteOutboxRedoTest, takes_nothing_while_the_log_cannot_be_read) {
    leave_behind({received("a")});
    std::fstream file(settings_.redo_log, std::ios::in | std::ios::out | std::ios::binary);
    for (const auto place : {8, 1064}) {
        file.seekp(place);
        file << '\x02';
    }
    file.close();
    open();
    EXPECT_EQ(admit("b"), Admission::refused);
    EXPECT_THAT(last_reason_->message, HasSubstr("newer version"));
    EXPECT_FALSE(figures().writable);
    EXPECT_FALSE(run(outbox_->recover(make_outcome, {})));
}

// The database knows its log, wherever the two lie now.
TEST_F(SqliteOutboxRedoTest, keeps_its_log_when_it_is_moved) {
    open();
    kill();
    leave_behind({received("a"), finished("a")});
    const auto moved = folder_.path() / "moved";
    fs::create_directory(moved);
    for (const char* name : {"outbox.db", "outbox.db-wal"}) fs::rename(folder_.path() / name, moved / name);
    settings_.path = moved / "outbox.db";
    test::LogCapture log;
    open();
    EXPECT_EQ(state("a"), RowState::done);
    EXPECT_THAT(log.text(), testing::Not(HasSubstr("No redo log")));
}

// Outbox.RedoLog was changed, or unset, after a crash: the old log is redone first.
TEST_F(SqliteOutboxRedoTest, redoes_the_log_of_a_former_setting) {
    const auto former = settings_.redo_log;
    for (const auto& latter : {tmpfs_.path() / "other.log", fs::path()}) {
        const auto id = "before " + latter.filename().string();
        settings_.redo_log = former;
        open();
        kill();
        leave_behind({received(id), finished(id)});
        settings_.redo_log = latter;
        test::LogCapture log;
        open();
        EXPECT_EQ(state(id), RowState::done);
        EXPECT_FALSE(fs::exists(former));
        EXPECT_THAT(log.text(), HasSubstr("is redone and removed"));
        EXPECT_THAT(log.text(), testing::Not(HasSubstr("is gone")));
        outbox_.reset();
    }
}

// A log that was given up for another one is not done later: its rows may have gone on since, or be forgotten.
TEST_F(SqliteOutboxRedoTest, sets_an_older_log_aside) {
    leave_behind({received("stale")});
    const auto older = std::exchange(settings_.redo_log, tmpfs_.path() / "newer.log");
    open();
    kill();
    leave_behind({received("fresh")});
    settings_.redo_log = older;
    test::LogCapture log;
    open();
    EXPECT_EQ(state("fresh"), RowState::running);
    EXPECT_FALSE(run(outbox_->show("stale")));
    EXPECT_TRUE(fs::exists(older.string() + ".old"));
    EXPECT_THAT(log.text(), HasSubstr("too old to be done"));
}

// A database that says what cannot be of its log: all of it is redone.
TEST_F(SqliteOutboxRedoTest, redoes_all_when_the_database_is_wrong_about_the_log) {
    for (const char* wrong : {"7", "4611686018427387904", "-16", "0"}) {
        const auto id = std::string("before ") + wrong;
        open();
        kill();
        leave_behind({received(id), finished(id)});
        execute(std::string("UPDATE facts SET value = ") + wrong + " WHERE name = 'redone'");
        open();
        EXPECT_EQ(state(id), RowState::done) << wrong;
        outbox_.reset();
    }
}

// Made anew from its rows, the database does not know the log: it is redone over them.
TEST_F(SqliteOutboxRedoTest, redoes_into_a_rebuilt_database) {
    open();
    admit("row", FirstState::running);
    kill();
    leave_behind({received("a"), finished("a")});
    execute("PRAGMA application_id = 1");
    test::LogCapture log;
    open();
    EXPECT_THAT(log.text(), HasSubstr("The outbox is damaged: moved aside"));
    EXPECT_EQ(state("row"), RowState::running);
    EXPECT_EQ(state("a"), RowState::done);
}

// With Durability power the log is only emptied: a change is promised when the disk has it.
TEST_F(SqliteOutboxRedoTest, does_not_use_it_with_power) {
    leave_behind({received("a"), finished("a")});
    settings_.durability = Durability::power;
    open();
    EXPECT_EQ(state("a"), RowState::done);
    EXPECT_EQ(admit("b"), Admission::accepted);
    EXPECT_FALSE(fs::exists(settings_.redo_log));
}

// A log that went with its folder: said, for what was in it is lost.
TEST_F(SqliteOutboxRedoTest, says_when_the_log_is_gone) {
    open();
    const auto copy = folder_.path() / "copy";
    fs::create_directory(copy);
    (void)run(outbox_->next_due());
    for (const char* name : {"outbox.db", "outbox.db-wal"}) fs::copy(folder_.path() / name, copy / name);
    outbox_.reset();
    settings_.path = copy / "outbox.db";
    test::LogCapture log;
    open();
    EXPECT_THAT(log.text(), HasSubstr("The redo log of the previous process is gone"));
    outbox_.reset();
    log.clear();
    open();
    EXPECT_THAT(log.text(), testing::Not(HasSubstr("is gone")));
}

// The limits hold; near them the database is asked.
TEST_F(SqliteOutboxRedoTest, keeps_the_limits) {
    settings_.max_rows = 3;
    open();
    for (const char* id : {"a", "b", "c"}) EXPECT_EQ(admit(id), Admission::accepted);
    EXPECT_EQ(admit("d"), Admission::refused);
    EXPECT_EQ(last_reason_->code, errc::limit_rows);
}

// Ids that the database held before the start are known.
TEST_F(SqliteOutboxRedoTest, learns_old_ids) {
    settings_.redo_log.clear();
    open();
    for (int i = 0; i < 300; ++i) admit("old-" + std::to_string(i));
    settings_.redo_log = tmpfs_.path() / "redo.log";
    open_and_learn();
    for (int i = 0; i < 300; ++i) ASSERT_EQ(admit("old-" + std::to_string(i)), Admission::already_in_progress);
}

}  // namespace
}  // namespace jiro::delivery
