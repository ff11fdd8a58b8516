// SPDX-License-Identifier: MIT
#include "delivery/redo/redo_log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <random>
#include <thread>

#include "jiro/delivery/errors.hpp"
#include "support/log_capture.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"
#include "support/tmpfs_dir.hpp"

namespace jiro::delivery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::size_t kHeader = 4096;

class RedoLogTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!folder_.exists()) GTEST_SKIP() << "no tmpfs to write to";
        path_ = folder_.path() / "redo.log";
    }

    Result<std::unique_ptr<RedoLog>> try_open(std::size_t bytes = RedoLog::kBytes) {
        return RedoLog::open(path_, "/state/outbox.db", 0, bytes);
    }
    std::unique_ptr<RedoLog> open(std::size_t bytes = RedoLog::kBytes) { return std::move(try_open(bytes)).value(); }

    static std::vector<std::string> ids_in(const RedoLog& log) {
        std::vector<std::string> ids;
        for (auto at = log.start(); at < log.end();) {
            const auto record = log.read(at);
            if (record) ids.emplace_back(std::get<StartedChange>(*record).id);
        }
        return ids;
    }
    void change(std::size_t place, const std::string& bytes) const {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(place));
        file << bytes;
    }

    test::TmpfsDir folder_;
    fs::path path_;
};

// What was appended is there again after the process is gone, in order, until it is forgotten.
TEST_F(RedoLogTest, outlives_its_process) {
    std::int64_t id = 0;
    {
        const auto log = open();
        id = log->id();
        EXPECT_EQ(log->start(), log->end());
        for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(log->append(StartedChange{name}));
        EXPECT_EQ(RedoLog::count_records(path_), 0U) << "in use";
    }
    EXPECT_EQ(RedoLog::count_records(path_), 3U);
    {
        const auto log = open();
        EXPECT_EQ(log->id(), id);
        EXPECT_THAT(ids_in(*log), ElementsAre("a", "b", "c"));
        auto at = log->start();
        (void)log->read(at);
        log->forget(at);
        ASSERT_TRUE(log->append(StartedChange{"d"}));
    }
    EXPECT_THAT(ids_in(*open()), ElementsAre("b", "c", "d"));
}

TEST_F(RedoLogTest, is_private_and_goes_when_removed) {
    const auto log = open();
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    log->remove();
    EXPECT_FALSE(fs::exists(path_));
}

// Round and round, with records of any length: read in order, never overwritten before they are forgotten; also where
// memory is taken and given back on the way.
TEST_F(RedoLogTest, goes_round) {
    struct Row {
        std::size_t bytes, longest;
        int records;
    };
    for (const auto& [bytes, longest, records] :
         {Row{4096, 300, 20'000}, Row{2 * RedoLog::kResidentBytes, 50'000, 3'000}}) {
        fs::remove(path_);
        std::mt19937 random(7);
        std::deque<std::string> expected;
        auto log = open(bytes);
        int full = 0;
        for (int i = 0; i < records; ++i) {
            const std::string id = std::to_string(i) + std::string(random() % longest, static_cast<char>('a' + i % 26));
            if (log->append(StartedChange{id})) {
                expected.push_back(id);
            } else {
                ++full;
                auto at = log->start();
                for (auto left = 1 + random() % expected.size(); left > 0;) {
                    const auto record = log->read(at);
                    if (!record) continue;
                    ASSERT_EQ(std::get<StartedChange>(*record).id, expected.front());
                    expected.pop_front();
                    --left;
                }
                log->forget(at, i % 3 == 0 ? RedoLog::Memory::give_back : RedoLog::Memory::keep);
                if (i % 5 == 0) log->give_memory_back();
            }
            if (i % 997 == 0) {
                log.reset();
                log = open();
                ASSERT_EQ(ids_in(*log), std::vector<std::string>(expected.begin(), expected.end()));
            }
        }
        EXPECT_GT(full, 10);
    }
}

// One thread appends, another reads what it finds and forgets it.
TEST_F(RedoLogTest, is_read_while_it_is_written) {
    const auto log = open();
    constexpr int kRecords = 2'000;
    const auto text_of = [](int i) {
        return std::to_string(i) + std::string(static_cast<std::size_t>(i) * 97 % 60'000, 'x');
    };
    std::thread writer([&] {
        for (int i = 0; i < kRecords;) {
            if (log->append(StartedChange{text_of(i)})) ++i;
        }
    });
    int next = 0;
    for (auto at = log->start(); next < kRecords;) {
        const auto end = log->end();
        while (at < end) {
            const auto record = log->read(at);
            if (record && std::get<StartedChange>(*record).id != text_of(next)) break;
            if (record) ++next;
        }
        EXPECT_EQ(at, end) << "record " << next;
        if (at != end) std::abort();
        log->forget(at, next % 3 == 0 ? RedoLog::Memory::give_back : RedoLog::Memory::keep);
        if (next % 7 == 0) log->give_memory_back();
    }
    writer.join();
}

// Behind its resident part it takes memory only for the records that lie there.
TEST_F(RedoLogTest, gives_memory_back) {
    auto log = open();
    const auto bytes_taken = [&] {
        struct stat status {};
        EXPECT_EQ(stat(path_.c_str(), &status), 0);
        return static_cast<std::size_t>(status.st_blocks) * 512;
    };
    constexpr std::size_t kAtRest = RedoLog::kResidentBytes + 600'000;  // with what append() takes at once
    EXPECT_LE(bytes_taken(), kAtRest);
    for (int round = 0; round < 10; ++round) {
        while (log->append(StartedChange{std::string(400'000, 'x')})) {
        }
        EXPECT_GT(bytes_taken(), RedoLog::kBytes / 2);
        log->forget(log->end());
        EXPECT_LE(bytes_taken(), kAtRest) << "round " << round;
    }
    while (log->append(StartedChange{std::string(400'000, 'x')})) {
    }
    log.reset();
    log = open();
    log->forget(log->end());
    EXPECT_LE(bytes_taken(), kAtRest) << "of a log that was left behind";
}

// Where much comes at a time the memory stays for the next round, and goes when nothing comes any more.
TEST_F(RedoLogTest, keeps_memory_until_it_is_idle) {
    auto log = open();
    const auto blocks = [&] {
        struct stat status {};
        EXPECT_EQ(stat(path_.c_str(), &status), 0);
        return static_cast<std::size_t>(status.st_blocks) * 512;
    };
    const std::string text(400'000, 'x');
    for (int round = 0; round < 5; ++round) {
        while (log->append(StartedChange{std::to_string(round) + text})) {
        }
        const auto full = blocks();
        EXPECT_GT(full, RedoLog::kBytes / 2);
        log->forget(log->end(), RedoLog::Memory::keep);
        EXPECT_EQ(blocks(), full);
    }
    ASSERT_TRUE(log->append(StartedChange{"in hand"}));
    log->give_memory_back();
    EXPECT_LE(blocks(), RedoLog::kResidentBytes + 600'000);
    EXPECT_THAT(ids_in(*log), ElementsAre("in hand"));
    std::vector<std::string> expected{"in hand"};
    for (int i = 0; i < 30; ++i) {
        expected.push_back(std::to_string(i) + text);
        ASSERT_TRUE(log->append(StartedChange{expected.back()}));
    }
    EXPECT_EQ(ids_in(*log), expected);
    log.reset();
    EXPECT_EQ(ids_in(*open()), expected) << "of the next process";
}

// A tmpfs that is smaller than the log: what finds no memory is refused. To write there would end the process.
TEST_F(RedoLogTest, refuses_what_finds_no_memory) {
    const test::SmallDisk disk(folder_.path() / "small", "size=6m");
    if (!disk.is_there()) GTEST_SKIP() << "nothing can be mounted here";
    path_ = folder_.path() / "small" / "redo.log";
    for (int process = 0; process < 2; ++process) {
        const auto log = open();
        for (int round = 0; round < 12; ++round) {
            int taken = 0;
            while (log->append(StartedChange{std::string(300'000, 'x')})) ++taken;
            EXPECT_LE(taken, 20) << "round " << round;
            log->forget(log->end(), round % 3 == 0 ? RedoLog::Memory::give_back : RedoLog::Memory::keep);
            if (round % 4 == 0) log->give_memory_back();
        }
        for (int left = 0; left < 3; ++left) (void)log->append(StartedChange{"left"});
    }
}

TEST_F(RedoLogTest, refuses_what_is_too_long) {
    const auto log = open();
    EXPECT_FALSE(log->append(StartedChange{std::string(RedoLog::kMaxRecordBytes, 'x')}));
    EXPECT_EQ(log->start(), log->end());
    EXPECT_TRUE(log->append(StartedChange{"a"}));
}

// kill -9 in the middle of a record: those before it are whole, it never was, and the next one takes its place.
TEST_F(RedoLogTest, drops_a_record_that_was_cut) {
    std::size_t second = 0;
    {
        const auto log = open();
        ASSERT_TRUE(log->append(StartedChange{"a"}));
        second = static_cast<std::size_t>(log->end() - log->start());
        ASSERT_TRUE(log->append(StartedChange{"b"}));
    }
    change(kHeader + second + 8, std::string(8, '\0'));  // its position was not written yet
    const auto log = open();
    EXPECT_THAT(ids_in(*log), ElementsAre("a"));
    ASSERT_TRUE(log->append(StartedChange{"c"}));
    EXPECT_THAT(ids_in(*log), ElementsAre("a", "c"));
}

// A flipped bit anywhere in the records: what stands before it is kept, nothing is misread.
TEST_F(RedoLogTest, survives_flipped_bits) {
    for (int seed = 0; seed < 300; ++seed) {
        fs::remove(path_);
        {
            const auto log = open(16 * 1024);
            for (const char* name : {"first", "second", "third"}) ASSERT_TRUE(log->append(StartedChange{name}));
        }
        std::mt19937 random(static_cast<unsigned>(seed));
        const std::size_t place = kHeader + random() % 96;
        std::string byte(1, '\0');
        std::ifstream(path_, std::ios::binary).seekg(static_cast<std::streamoff>(place)).read(byte.data(), 1);
        byte[0] = static_cast<char>(byte[0] ^ (1 << random() % 8));
        change(place, byte);
        const auto ids = ids_in(*open(16 * 1024));
        const std::vector<std::string> all{"first", "second", "third"};
        ASSERT_LE(ids.size(), 3U);
        ASSERT_TRUE(std::equal(ids.begin(), ids.end(), all.begin())) << seed;
    }
}

// It is lost, but does not come back when the place before it is written again: in between the database went on.
TEST_F(RedoLogTest, what_a_damaged_record_cut_off_stays_away) {
    for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(open()->append(StartedChange{id}));
    change(kHeader + 16, "\x7F");
    {
        const auto log = open();
        EXPECT_EQ(log->start(), log->end());
        ASSERT_TRUE(log->append(StartedChange{"d"}));
    }
    EXPECT_THAT(ids_in(*open()), ElementsAre("d"));
}

// A bit that flipped in what says that it is a log, which the header's sum does not cover.
TEST_F(RedoLogTest, is_known_by_its_sum_as_well) {
    ASSERT_TRUE(open()->append(StartedChange{"a"}));
    for (std::size_t place = 0; place < 12; ++place) {
        change(place, "\x5A");
        EXPECT_THAT(ids_in(*open()), ElementsAre("a")) << place;
    }
}

// A damaged header: the file is kept aside, a new log is begun.
TEST_F(RedoLogTest, sets_a_damaged_file_aside) {
    for (const std::size_t place : {std::size_t{16}, std::size_t{40}}) {
        fs::remove(path_);
        ASSERT_TRUE(open()->append(StartedChange{"a"}));
        change(place, "\x5A\x5A");
        EXPECT_EQ(RedoLog::count_records(path_), 0U);
        const auto log = open();
        EXPECT_EQ(log->start(), log->end());
        // The one that was kept before stays.
        EXPECT_TRUE(fs::exists(path_.string() + (place == 16 ? ".damaged" : ".damaged-1")));
    }
    fs::resize_file(path_, 10);
    EXPECT_TRUE(open());
    fs::resize_file(path_, 0);
    const auto log = open();
    EXPECT_EQ(log->start(), log->end());
}

// A path that was mistaken: what never was a log stays as it is, also where none would be made.
TEST_F(RedoLogTest, touches_no_file_that_was_never_a_log) {
    for (const auto& content : {std::string("my notes\n"), std::string(9000, 'A'), std::string(8192, '\0')}) {
        std::ofstream(path_, std::ios::binary) << content;
        for (const std::size_t bytes : {std::size_t{0}, RedoLog::kBytes}) {
            const auto refused = try_open(bytes);
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().code, errc::wrong_file);
            EXPECT_THAT(refused.error().message, HasSubstr("names a file that is no redo log: " + path_.string()));
        }
        EXPECT_EQ(RedoLog::look_at(path_).error().code, errc::wrong_file);
        EXPECT_FALSE(RedoLog::find(path_, 1).value());
        std::ifstream file(path_, std::ios::binary);
        EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), content);
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
    fs::remove(path_);
    ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    EXPECT_EQ(try_open().error().code, errc::wrong_file);
}

// Its file was removed: an empty log is made in its place, and nothing is appended meanwhile.
TEST_F(RedoLogTest, is_made_anew_under_its_name) {
    const auto log = open();
    ASSERT_TRUE(log->append(StartedChange{"a"}));
    const auto id = log->id();
    fs::remove(path_);
    log->hold();
    EXPECT_FALSE(log->append(StartedChange{"b"}));
    log->forget(log->end());
    ASSERT_TRUE(log->make_anew());
    log->go_on();
    EXPECT_TRUE(log->is_in_place());
    EXPECT_NE(log->id(), id);
    EXPECT_TRUE(log->append(StartedChange{"c"}));
    EXPECT_THAT(ids_in(*log), ElementsAre("c"));
    std::ofstream(path_.string() + ".other") << "another's";
    fs::rename(path_.string() + ".other", path_);
    log->hold();
    EXPECT_FALSE(log->make_anew());
    log->go_on();
    EXPECT_EQ(fs::file_size(path_), 9U);
}

// A file of that name that is another's by now stays.
TEST_F(RedoLogTest, removes_its_own_file_only) {
    const auto log = open();
    EXPECT_TRUE(log->is_in_place());
    fs::remove(path_);
    EXPECT_FALSE(log->is_in_place());
    std::ofstream(path_) << "another's";
    log->remove();
    EXPECT_TRUE(fs::exists(path_));
}

// Any bytes behind a good magic: opened or refused by name, never a crash.
TEST_F(RedoLogTest, survives_any_header) {
    const test::LogCapture quiet;
    for (int seed = 0; seed < 300; ++seed) {
        fs::remove(path_);
        ASSERT_TRUE(open(4096)->append(StartedChange{"a"}));
        std::mt19937 random(static_cast<unsigned>(seed));
        std::string noise(8, '\0');
        for (auto& byte : noise) byte = static_cast<char>(random());
        change(8 + random() % 1080, noise);
        const auto log = try_open(4096);
        if (log) (void)ids_in(**log);
    }
}

// Of a newer program: not touched, and the outbox must not go on as if it were empty.
TEST_F(RedoLogTest, leaves_a_newer_ones_alone) {
    ASSERT_TRUE(open()->append(StartedChange{"a"}));
    change(8, "\x02");
    change(1064, "\x02");
    const auto refused = try_open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::newer_version);
    change(8, "\x01");
    change(1064, std::string(1, '\0'));
    EXPECT_THAT(ids_in(*open()), ElementsAre("a"));
}

// One flipped bit is no newer program: what the log holds is proven by its checksums, and stays.
TEST_F(RedoLogTest, is_not_taken_for_a_newer_one_because_of_a_damaged_version) {
    ASSERT_TRUE(open()->append(StartedChange{"a"}));
    for (const char* version : {"\x03", "\x11", "\x41"}) {
        change(8, version);
        EXPECT_THAT(ids_in(*open()), ElementsAre("a"));
    }
}

// Of another outbox: while it holds something it is not touched; empty, it may be had.
TEST_F(RedoLogTest, does_not_take_another_outboxes) {
    ASSERT_TRUE(open()->append(StartedChange{"a"}));
    const auto refused = RedoLog::open(path_, "/other/outbox.db", 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::redo_log);
    EXPECT_THAT(refused.error().message, HasSubstr("/state/outbox.db"));
    {
        const auto log = open();
        log->forget(log->end());
    }
    EXPECT_TRUE(RedoLog::open(path_, "/other/outbox.db", 0));
}

TEST_F(RedoLogTest, is_used_by_one_process) {
    const auto log = open();
    const auto second = try_open();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::redo_log);
    EXPECT_THAT(second.error().message, HasSubstr("in use"));
}

// In use by another process: ours must be waited for, another's can be done without.
TEST_F(RedoLogTest, is_done_without_only_when_it_is_not_ours) {
    const auto id = open()->id();
    const int other = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(flock(other, LOCK_SH), 0);
    EXPECT_EQ(try_open().error().code, errc::redo_log);
    EXPECT_EQ(RedoLog::open(path_, "/state/outbox.db", id).error().code, storage_errc::io);
    EXPECT_EQ(RedoLog::find(path_, id).error().code, storage_errc::io);
    close(other);
    EXPECT_TRUE(RedoLog::find(path_, id).value());
    EXPECT_FALSE(RedoLog::find(path_, id + 1).value());
}

// On a disk its writer could have to wait: it is not made there.
TEST_F(RedoLogTest, wants_tmpfs) {
    const test::TempDir disk;
    const auto log = RedoLog::open(disk.path() / "redo.log", "/state/outbox.db", 0);
    if (log) GTEST_SKIP() << "the folder for temporary files is on tmpfs";
    EXPECT_EQ(log.error().code, errc::redo_log);
    EXPECT_THAT(log.error().message, HasSubstr("not on tmpfs"));
    EXPECT_TRUE(fs::is_empty(disk.path()));
}

TEST_F(RedoLogTest, says_when_its_folder_is_missing) {
    const auto log = RedoLog::open(folder_.path() / "missing" / "redo.log", "/state/outbox.db", 0);
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, errc::redo_log);
}

// What cannot be read may hold something: not the same as none.
TEST_F(RedoLogTest, says_when_it_may_not_be_read) {
    if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
    ASSERT_TRUE(open()->append(StartedChange{"a"}));
    chmod(path_.c_str(), 0);
    const auto refused = try_open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::read_only);
}

TEST_F(RedoLogTest, follows_no_link) {
    fs::create_symlink(folder_.path() / "elsewhere", path_);
    const auto refused = try_open();
    ASSERT_FALSE(refused);
    EXPECT_FALSE(fs::exists(folder_.path() / "elsewhere"));
}

}  // namespace
}  // namespace jiro::delivery
