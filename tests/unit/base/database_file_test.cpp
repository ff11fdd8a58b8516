// SPDX-License-Identifier: MIT
#include "jiro/base/database_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <sstream>

#include "jiro/base/sqlite.hpp"
#include "support/temp_dir.hpp"

namespace jiro {
namespace {

namespace fs = std::filesystem;
using Harm = MendedLog::Harm;

constexpr std::size_t kFrame = 24 + 4096;

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::uint32_t word(const std::string& bytes, std::size_t at, bool is_big_endian) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i]))
                 << 8 * (is_big_endian ? 3 - i : i);
    }
    return value;
}

void put(std::string& bytes, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> 8 * (3 - i));
}

// The same log as a big-endian machine would have written it.
std::string as_big_endian(std::string log) {
    std::uint32_t sums[2] = {0, 0};
    const auto add = [&](std::size_t at, std::size_t size) {
        for (; size > 0; at += 8, size -= 8) {
            sums[0] += word(log, at, true) + sums[1];
            sums[1] += word(log, at + 4, true) + sums[0];
        }
    };
    put(log, 0, 0x377f0683);
    add(0, 24);
    put(log, 24, sums[0]);
    put(log, 28, sums[1]);
    for (std::size_t at = 32; at + kFrame <= log.size(); at += kFrame) {
        add(at, 8);
        add(at + 24, 4096);
        put(log, at + 16, sums[0]);
        put(log, at + 20, sums[1]);
    }
    return log;
}

// A database that a process left with its log when it was killed.
struct MendLog : testing::Test {
    MendLog() {
        std::ofstream(path).close();
        Database database(path, Database::Mode::read_write);
        database.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cell_size_check = ON");
        database.execute("CREATE TABLE texts (number INTEGER PRIMARY KEY, text TEXT)");
        database.checkpoint();
        add(database, 1, 40);
        kill(database);
    }

    static void add(Database& database, int from, int to) {
        for (int i = from; i <= to; ++i) {
            const std::string text(i % 10 == 0 ? 9'000 : 600, static_cast<char>('a' + i % 26));
            database.use("INSERT INTO texts VALUES (?, ?)").bind(i, text).run();
        }
    }
    void kill(Database& database) {
        EXPECT_EQ(database.damage(), std::nullopt);
        file = content(path);
        log = content(path + "-wal");
    }
    // As it was left, but for what was done to its log.
    void leave(const std::string& damaged) const {
        fs::remove_all(folder.path() / "again");
        fs::create_directory(folder.path() / "again");
        std::ofstream(left, std::ios::binary) << file;
        std::ofstream(left + "-wal", std::ios::binary) << damaged;
    }
    [[nodiscard]] std::string with_bit(std::size_t at) const {
        auto damaged = log;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
        return damaged;
    }
    [[nodiscard]] std::optional<MendedLog> mend(Flushed flushed = Flushed::commits) const {
        return DatabaseFile(left).mend_log(flushed).value();
    }
    // How many texts are there, each of them whole; -1: the file is not sound.
    [[nodiscard]] std::int64_t texts() const {
        Database database(left, Database::Mode::read_write);
        if (database.damage()) return -1;
        return database.integer(
            "SELECT count(*) FROM texts WHERE text = replace(hex(zeroblob(length(text))), '00', char(97 + number % "
            "26))");
    }
    [[nodiscard]] std::size_t frames() const { return (log.size() - 32) / kFrame; }

    test::TempDir folder;
    const std::string path = (folder.path() / "a.db").string();
    const std::string left = (folder.path() / "again" / "a.db").string();
    std::string file;
    std::string log;
};

// What SQLite alone makes of it: the reason for all this.
TEST_F(MendLog, sqlite_ends_at_the_damage_and_says_nothing) {
    leave(with_bit(32 + frames() / 2 * kFrame + 124));
    EXPECT_LT(texts(), 30);
    EXPECT_GT(texts(), 0);
}

// Wherever it is: in the log's header, in a frame's number, commit, salts or sums, in its page, in the last one.
TEST_F(MendLog, one_wrong_byte_is_put_right) {
    std::vector<std::size_t> places{0, 3, 5, 9, 13, 17, 22, 24, 31};
    for (const auto frame : {std::size_t{0}, frames() / 10, frames() / 2, frames() * 9 / 10, frames() - 1}) {
        for (const std::size_t within : {0, 3, 4, 7, 8, 15, 16, 23, 24, 27, 124, 2000, 4119}) {
            places.push_back(32 + frame * kFrame + within);
        }
    }
    const auto little = log;
    for (const auto& whole : {little, as_big_endian(little)}) {
        log = whole;
        leave(log);
        ASSERT_EQ(mend(), std::nullopt);
        ASSERT_EQ(texts(), 40);
        for (const auto at : places) {
            SCOPED_TRACE(at);
            leave(with_bit(at));
            const auto mended = mend();
            // Of the highest byte of a word the sums do not always say where it is, and of the last frame nothing else.
            const std::size_t highest = whole == little ? 3 : 0;
            const bool is_summed = at >= 32 && ((at - 32) % kFrame < 8 || (at - 32) % kFrame >= 24);
            const auto last = log.size() - kFrame;
            const bool is_of_the_last_sum = at == last + 16 || at == last + 23 || at == log.size() - 1;
            if ((is_summed && at % 4 == highest) || is_of_the_last_sum) {
                EXPECT_TRUE(mended ? mended->harm == Harm::some || texts() == 40 : at >= log.size() - kFrame);
                continue;
            }
            ASSERT_TRUE(mended);
            EXPECT_EQ(mended->harm, Harm::none) << mended->told();
            EXPECT_TRUE(content(mended->kept_as) == with_bit(at));
            EXPECT_TRUE(content(left + "-wal") == log);
            EXPECT_EQ(mend(), std::nullopt);
            EXPECT_EQ(texts(), 40);
        }
    }
}

// Single bytes in several frames, and a frame whose sum is wrong behind one whose page is.
TEST_F(MendLog, each_frame_may_have_one) {
    auto damaged = with_bit(32 + 3 * kFrame + 500);
    damaged[32 + 4 * kFrame + 18] ^= 0x20;
    damaged[32 + 5 * kFrame + 10] ^= 0x01;
    damaged[32 + 9 * kFrame + 700] ^= static_cast<char>(0xFF);
    leave(damaged);
    EXPECT_EQ(mend().value().harm, Harm::none);
    EXPECT_EQ(texts(), 40);
}

// What a power cut leaves at the end of a log is no damage, and is left to SQLite.
TEST_F(MendLog, a_torn_end_is_silent) {
    const auto last = log.size() - kFrame;
    for (const std::size_t size : {std::size_t{0}, std::size_t{20}, std::size_t{32}, std::size_t{500}, last, last + 10,
                                   last + 24, last + 2000, log.size() - 100}) {
        SCOPED_TRACE(size);
        leave(log.substr(0, size));
        EXPECT_EQ(mend(), std::nullopt);
        EXPECT_EQ(content(left + "-wal").size(), size);
        leave(log.substr(0, size) + std::string(log.size() - size, '\0'));
        EXPECT_EQ(mend(), std::nullopt);
    }
    for (const std::size_t missing : {1, 2, 3}) {  // pages of the last transactions that came to the disk in no order
        auto damaged = log;
        damaged.replace(log.size() - missing * kFrame, 2048, 2048, '\0');
        leave(damaged);
        EXPECT_EQ(mend(), std::nullopt) << missing;
        EXPECT_GE(texts(), 35);
    }
}

// Frames of a transaction that was rolled back, and of an earlier round, stand behind the end of a sound log.
TEST_F(MendLog, what_sqlite_leaves_behind_the_end_is_silent) {
    Database database(path, Database::Mode::read_write);
    database.execute("PRAGMA cache_size = 2; PRAGMA wal_autocheckpoint = 0");
    {
        const Transaction rolled_back(database);
        add(database, 41, 400);
    }
    add(database, 41, 42);
    ASSERT_GT(content(path + "-wal").size(), log.size() + 50 * kFrame);
    kill(database);
    leave(log);
    EXPECT_EQ(mend(), std::nullopt);
    EXPECT_EQ(texts(), 42);

    database.execute("PRAGMA wal_checkpoint(RESTART)");
    const auto size = content(path + "-wal").size();
    add(database, 43, 44);
    kill(database);
    ASSERT_EQ(log.size(), size);
    leave(log);
    EXPECT_EQ(mend(), std::nullopt);
    EXPECT_EQ(texts(), 44);
    leave(with_bit(17));
    EXPECT_EQ(mend().value().harm, Harm::none);
    EXPECT_EQ(texts(), 44);
}

// More than a byte: what stands behind it is not lost with it, and the database's own check finds what is.
TEST_F(MendLog, greater_damage_costs_its_place_only) {
    const std::map<std::string, std::pair<std::size_t, std::size_t>> places{
        {"within a page", {32 + frames() / 2 * kFrame + 2000, 40}},
        {"a page", {32 + frames() / 2 * kFrame + 24, 4096}},
        {"a block", {(32 + frames() / 2 * kFrame) / 4096 * 4096, 4096}},
        {"the first block", {0, 4096}},
        {"many blocks", {32 + frames() / 4 * kFrame, 5 * kFrame}},
    };
    for (const auto& [name, place] : places) {
        SCOPED_TRACE(name);
        auto damaged = log;
        damaged.replace(place.first, place.second, place.second, '\0');
        leave(damaged);
        EXPECT_EQ(mend(Flushed::checkpoints), std::nullopt);  // a power cut leaves the same
        EXPECT_FALSE(DatabaseFile(left).is_doubtful());
        const auto mended = mend();
        ASSERT_TRUE(mended);
        EXPECT_EQ(mended->harm, Harm::some);
        EXPECT_TRUE(DatabaseFile(left).is_doubtful());
        EXPECT_TRUE(content(mended->kept_as) == damaged);
        Database database(left, Database::Mode::evidence);
        std::int64_t last = 0;
        int count = 0;
        read_past_damage(database, "SELECT number FROM texts WHERE number > ? ORDER BY number", [&](Statement& row) {
            last = row.integer(0);
            ++count;
        });
        EXPECT_EQ(last, 40);
        EXPECT_GT(count, 20);
        EXPECT_EQ(mend(), std::nullopt);
    }
}

TEST_F(MendLog, a_file_that_was_emptied_is_made_of_its_log) {
    leave(log);
    fs::resize_file(left, 0);
    EXPECT_EQ(mend().value().harm, Harm::emptied);
    EXPECT_TRUE(content(left + "-wal") == log);
    EXPECT_GT(fs::file_size(left), 0U);
}

// Somebody has it open: it is theirs.
TEST_F(MendLog, an_open_one_is_left_alone) {
    leave(with_bit(32 + 5 * kFrame + 100));
    Database other(left, Database::Mode::read_write);
    other.execute("PRAGMA locking_mode = EXCLUSIVE");
    (void)other.integer("SELECT count(*) FROM texts");
    EXPECT_EQ(mend(), std::nullopt);
}

// Anybody's bytes: nothing is done that cannot be undone, and what comes out is a log.
TEST_F(MendLog, any_bytes_are_survived) {
    for (unsigned seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        auto damaged = log.substr(0, random() % 3 == 0 ? random() % log.size() : log.size());
        const auto beginning = random() % 2 == 0 ? 32 : 0;
        for (auto count = random() % 300; count > 0 && damaged.size() > 32; --count) {
            damaged[beginning + random() % (damaged.size() - 32)] = static_cast<char>(random());
        }
        if (seed % 4 == 0 && damaged.size() > 12) put(damaged, 8, static_cast<std::uint32_t>(random()));
        leave(damaged);
        if (mend()) {
            EXPECT_EQ(mend(), std::nullopt);
        }
        (void)texts();
    }
}

// What stands in a file's place is named, and stays.
TEST(DatabaseFileTest, says_what_is_no_file) {
    jiro::test::TempDir folder;
    const auto path = folder.path() / "x.db";
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(DatabaseFile(path).make().error().message, path.string() + " is a named pipe, not a file: move it away");
    fs::remove(path);
    fs::create_directory(path.string() + "-wal");
    EXPECT_EQ(DatabaseFile(path).make().error().message,
              path.string() + "-wal is a directory, not a file: move it away");
    fs::remove(path.string() + "-wal");
    EXPECT_TRUE(DatabaseFile(path).make());
}

// What says that a file is ours: its header, a damaged one as far as it can be ours, or what lies beside it.
TEST(DatabaseFileTest, knows_another_programs_file) {
    constexpr std::uint32_t kOurs = 0x4A49524F;
    const test::TempDir folder;
    const auto path = folder.path() / "a.db";
    const auto is_foreign = [&](const std::string& bytes) {
        std::ofstream(path, std::ios::binary) << bytes;
        return DatabaseFile(path).is_foreign(kOurs);
    };
    const auto made_by = [&](const std::string& sql) {
        fs::remove(path);
        std::ofstream(path).close();
        Database(path.string(), Database::Mode::read_write).execute(sql);
        return content(path);
    };
    const auto ours = made_by("CREATE TABLE a (b); PRAGMA application_id = " + std::to_string(kOurs));
    const auto new_one = made_by("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
    const auto theirs = made_by("CREATE TABLE customers (id)");
    const auto another = made_by("CREATE TABLE a (b); PRAGMA application_id = 5");
    auto damaged = ours;
    damaged.replace(0, 100, std::string(100, '#'));
    for (const auto& good : {std::string(), ours, ours.substr(0, 5000), new_one, damaged, std::string(8192, '\0')})
        EXPECT_FALSE(is_foreign(good)) << good.size();
    for (const auto& bad : {theirs, another, std::string("my notes\n"), std::string(8192, '#')}) {
        EXPECT_TRUE(is_foreign(bad)) << bad.size();
        for (const char* beside : {".lock", ".ballast", ".rebuilt"}) {
            const auto mark = folder.write(std::string("a.db") + beside, "");
            EXPECT_FALSE(is_foreign(bad)) << beside;
            fs::remove(mark);
        }
    }
    fs::remove(path);
    EXPECT_FALSE(DatabaseFile(path).is_foreign(kOurs));
}

}  // namespace
}  // namespace jiro
