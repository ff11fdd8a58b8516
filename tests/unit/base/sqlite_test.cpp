// SPDX-License-Identifier: MIT
#include "jiro/base/sqlite.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include "support/disk_faults.hpp"
#include "support/temp_dir.hpp"

namespace jiro {
namespace {

struct SqliteTest : testing::Test {
    SqliteTest() {
        std::ofstream(path).close();
        Database database(path, Database::Mode::read_write);
        database.execute("PRAGMA journal_mode = WAL; CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER)");
    }

    // What `action` fails with; nothing: it does not.
    template <typename Action>
    std::optional<storage_errc> failure_of(Action action) {
        try {
            action();
        } catch (const StorageError& error) {
            return error.code;
        }
        return std::nullopt;
    }

    test::TempDir folder;
    std::string path = (folder.path() / "a.db").string();
};

// What the disk says when it is written to: a quota is a full disk, the rest is no reason to wait for room.
TEST_F(SqliteTest, a_failed_write_has_the_name_of_its_cause) {
    struct Row {
        const char* name;
        int number;
        storage_errc expected;
    };
    for (const Row& row : {Row{"full", ENOSPC, storage_errc::full}, Row{"quota", EDQUOT, storage_errc::full},
                           Row{"disk", EIO, storage_errc::io}}) {
        SCOPED_TRACE(row.name);
        test::DiskFaults disk;
        Database database(path, Database::Mode::read_write);
        const auto write = [&] {
            Transaction transaction(database);
            database.use("INSERT OR REPLACE INTO facts VALUES (?, ?)").bind("a", 1).run();
            transaction.commit();
        };
        disk.fail_writes(row.number);
        EXPECT_EQ(failure_of(write), row.expected);
        disk.fail_writes(0);
        EXPECT_EQ(failure_of(write), std::nullopt);
        disk.fail_writes(EIO);  // after a quota once refused something, too
        EXPECT_EQ(failure_of(write), storage_errc::io);
    }
}

// Room or not: what could not be flushed must be written again.
TEST_F(SqliteTest, a_failed_flush_is_no_full_disk) {
    for (const int number : {EIO, ENOSPC, EDQUOT}) {
        test::DiskFaults disk;
        Database database(path, Database::Mode::read_write);
        database.execute("PRAGMA synchronous = FULL");
        disk.fail_syncs(number);
        EXPECT_EQ(failure_of([&] { database.execute("INSERT OR REPLACE INTO facts VALUES ('b', 2)"); }),
                  storage_errc::io);
    }
}

TEST_F(SqliteTest, a_failed_statement_is_no_failed_disk) {
    Database database(path, Database::Mode::read_write);
    EXPECT_EQ(failure_of([&] { database.execute("INSERT INTO no_table VALUES (1)"); }), storage_errc::statement_failed);
    database.execute("INSERT INTO facts VALUES ('c', 3)");
    EXPECT_EQ(failure_of([&] { database.execute("INSERT INTO facts VALUES ('c', 4)"); }),
              storage_errc::statement_failed);
    Database other(path, Database::Mode::read_write);
    const Transaction transaction(other);
    EXPECT_EQ(failure_of([&] { const Transaction second(database); }), storage_errc::busy);
    const auto no_database = folder.write("notes.txt", std::string(4096, '#')).string();
    EXPECT_EQ(failure_of([&] { (void)Database(no_database, Database::Mode::read_write).text("PRAGMA user_version"); }),
              storage_errc::corrupt);
    EXPECT_EQ(
        failure_of([&] { Database(path, Database::Mode::read_only).execute("INSERT INTO facts VALUES ('d', 4)"); }),
        storage_errc::read_only);
}

// A page in the middle is lost; what lies before and behind it is not.
TEST_F(SqliteTest, rows_are_read_past_damage) {
    constexpr int kRows = 2000;
    {
        Database database(path, Database::Mode::read_write);
        Transaction transaction(database);
        const std::string text(200, 'x');
        for (int i = 0; i < kRows; ++i)
            database.use("INSERT INTO facts VALUES (?, ?)").bind(std::to_string(i) + text, i).run();
        transaction.commit();
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    const char* const rows = "SELECT rowid, value FROM facts NOT INDEXED WHERE rowid > ? ORDER BY rowid";
    std::vector<std::int64_t> read;
    const auto take = [&](Statement& row) { read.push_back(row.integer(1)); };
    {
        Database database(path, Database::Mode::evidence);
        read_past_damage(database, rows, take);
        EXPECT_EQ(read.size(), static_cast<std::size_t>(kRows));
    }
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(200 * 1024);
        file << std::string(8 * 1024, '#');
    }
    Database database(path, Database::Mode::evidence);
    read.clear();
    read_past_damage(database, rows, take);
    EXPECT_GT(read.size(), static_cast<std::size_t>(kRows * 9 / 10));
    EXPECT_LT(read.size(), static_cast<std::size_t>(kRows));
    EXPECT_EQ(read.front(), 0);
    EXPECT_EQ(read.back(), kRows - 1);

    // A row that its taker refuses is left out; a disk of the taker's own that fails is no damage.
    read.clear();
    read_past_damage(database, rows, [&](Statement& row) {
        if (row.integer(1) == 1) throw StorageError(storage_errc::statement_failed, "a value that it does not take");
        take(row);
    });
    EXPECT_EQ(read.at(1), 2);
    for (const auto code : {storage_errc::io, storage_errc::full}) {
        const auto taking = [&] {
            read_past_damage(database, rows, [&](Statement&) { throw StorageError(code, "its disk"); });
        };
        EXPECT_EQ(failure_of(taking), code);
    }
}

}  // namespace
}  // namespace jiro
