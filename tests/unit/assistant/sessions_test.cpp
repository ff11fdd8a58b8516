// SPDX-License-Identifier: MIT
// What the sessions do when the disk does not: the same rules as the outbox's.
#include "jiro/assistant/sessions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "assistant/session_file.hpp"
#include "support/disk_faults.hpp"
#include "support/held_database.hpp"
#include "support/run_task.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

namespace jiro::assistant {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

struct SessionsOnDisk : testing::Test {
    Sessions& sessions() {
        if (!opened) opened.emplace(clock, path, settings);
        return *opened;
    }

    template <typename T>
    T run(Task<T> task) {
        return jiro::test::run_task(context, std::move(task));
    }

    Result<> say(const std::string& question, const std::string& answer = "an answer", const std::string& id = "s") {
        const auto number = std::to_string(++ids);
        const auto begun = run(sessions().begin({id, "i", question, "q" + number, "a" + number, {}, 1'000'000}));
        if (!begun) return begun.error();
        return run(sessions().write_answer("a" + number, answer, AnswerState::whole, 1));
    }

    std::vector<std::string> said(const std::string& id = "s") {
        const auto messages = run(sessions().messages(id, {}));
        std::vector<std::string> texts;
        if (messages) {
            for (const auto& message : *messages) texts.push_back(message.content);
        }
        return texts;
    }

    [[nodiscard]] std::vector<fs::path> kept_aside() const {
        std::vector<fs::path> kept;
        for (const auto& entry : fs::directory_iterator(path.parent_path())) {
            const auto name = entry.path().filename().string();
            if (name.starts_with("sessions.db.corrupt-") && !name.ends_with("-wal")) kept.push_back(entry.path());
        }
        return kept;
    }

    // The header of the table's first page.
    void damage() const {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(100);
        file << std::string(16, '#');
    }

    jiro::test::TempDir folder;
    fs::path path = folder.path() / "sessions.db";
    boost::asio::io_context context{1};
    SystemClock clock;
    Settings settings;
    jiro::test::DiskFaults faults;  // before any thread is in SQLite
    std::optional<Sessions> opened;
    int ids = 0;
};

// A full disk refuses what is new, by name, and nothing else; there is no restart in its end.
TEST_F(SessionsOnDisk, a_full_disk_passes) {
    path = folder.path() / "disk" / "sessions.db";
    const jiro::test::SmallDisk disk(path.parent_path(), "size=1m");
    if (!disk.is_there()) GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    ASSERT_TRUE(say("before", "answer before"));
    disk.fill();
    Result<> refused;
    for (int i = 0; i < 100 && refused; ++i) refused = say(std::string(20'000, 'q'), "x", "other");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::full);
    EXPECT_THAT(refused.error().message, HasSubstr("no space is left for the conversations"));
    EXPECT_THAT(sessions().problem(), HasSubstr("no space is left"));
    EXPECT_THAT(said(), ElementsAre("before", "answer before"));

    disk.free();
    ASSERT_TRUE(say("after", "answer after"));
    EXPECT_EQ(sessions().problem(), "");
    EXPECT_THAT(said(), ElementsAre("before", "answer before", "after", "answer after"));
    opened.reset();
}

// No room for the new file either: nothing is moved, nothing is lost; it is made anew when there is room.
TEST_F(SessionsOnDisk, a_damaged_file_on_a_full_disk_waits) {
    path = folder.path() / "disk" / "sessions.db";
    const jiro::test::SmallDisk disk(path.parent_path(), "size=1m");
    if (!disk.is_there()) GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    ASSERT_TRUE(say("before"));
    opened.reset();
    damage();
    const auto before = contents(path);
    disk.fill();
    EXPECT_FALSE(say("during"));
    EXPECT_TRUE(kept_aside().empty());
    EXPECT_TRUE(contents(path) == before);

    disk.free();
    EXPECT_TRUE(say("after"));
    EXPECT_EQ(kept_aside().size(), 1U);
    EXPECT_THAT(said(), ElementsAre("after", "an answer"));
    opened.reset();
}

TEST_F(SessionsOnDisk, a_quota_is_a_full_disk) {
    ASSERT_TRUE(say("before"));
    faults.fail_writes(EDQUOT);
    const auto refused = say("during");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::full);
    faults.fail_writes(0);
    EXPECT_TRUE(say("after"));
    EXPECT_THAT(said(), ElementsAre("before", "an answer", "after", "an answer"));
}

// What could not be flushed is written again by the next opening, whole, before anything else is done.
TEST_F(SessionsOnDisk, a_failed_flush_is_made_good) {
    ASSERT_TRUE(say("before"));
    ASSERT_TRUE(say("to be removed", "x", "other"));
    faults.fail_syncs(EIO);
    const auto removed = run(sessions().remove("other"));  // empties the log
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, storage_errc::io);
    const auto refused = say("during");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::io);
    faults.fail_syncs(0);
    EXPECT_TRUE(say("after"));
    EXPECT_THAT(said(), ElementsAre("before", "an answer", "after", "an answer"));
    EXPECT_EQ(contents(path).find("to be removed"), std::string::npos);
    EXPECT_TRUE(kept_aside().empty());
}

// Kept beside, and what can be read of it is in the new one.
TEST_F(SessionsOnDisk, a_damaged_file_is_made_anew) {
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(say("question " + std::to_string(i), std::string(2000, 'a')));
    opened.reset();
    ASSERT_TRUE(fs::file_size(path) > 50'000);
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(60'000);
        file << std::string(5000, '#');
    }
    EXPECT_TRUE(say("after"));
    ASSERT_EQ(kept_aside().size(), 1U);
    const auto texts = said();
    EXPECT_GT(texts.size(), 60U);
    EXPECT_LT(texts.size(), 82U);
    EXPECT_EQ(texts.front(), "question 0");
    EXPECT_THAT(texts, Contains("question 39"));  // behind the damage, too
    EXPECT_EQ(texts[texts.size() - 2], "after");

    opened.reset();
    std::ofstream(path) << std::string(8192, '\0');  // nothing can be read
    EXPECT_TRUE(say("again"));
    EXPECT_EQ(kept_aside().size(), 2U);
    EXPECT_THAT(said(), ElementsAre("again", "an answer"));
}

// What has its place is in use, and the file is put back: no copy is left that would replace it later.
TEST_F(SessionsOnDisk, leave_no_copy_of_a_file_that_is_put_back) {
    ASSERT_TRUE(say("first"));
    const auto away = folder.path() / "away";
    fs::rename(path, away);
    std::ofstream(path) << "another file";
    {
        const jiro::test::HeldDatabase held(path);
        EXPECT_FALSE(say("refused"));
        EXPECT_FALSE(fs::exists(path.string() + ".rebuilding"));
        EXPECT_FALSE(fs::exists(path.string() + ".rebuilt"));
        fs::rename(away, path);
    }
    ASSERT_TRUE(say("second"));
    opened.reset();
    EXPECT_THAT(said(), ElementsAre("first", "an answer", "second", "an answer"));
}

// Removed, replaced, or moved away with its folder while it is open: all of it is in a new file.
TEST_F(SessionsOnDisk, comes_back_when_its_file_is_gone) {
    path = folder.path() / "state" / "sessions.db";
    fs::create_directory(path.parent_path());
    ASSERT_TRUE(say("first"));
    EXPECT_EQ(sessions().problem(), "");
    fs::remove(path);
    ASSERT_TRUE(say("second"));
    EXPECT_THAT(sessions().problem(), HasSubstr("removed or replaced"));
    std::ofstream(folder.path() / "other") << "another file";
    fs::rename(folder.path() / "other", path);
    ASSERT_TRUE(say("third"));
    EXPECT_EQ(contents(kept_aside().at(0)), "another file");

    fs::rename(path.parent_path(), folder.path() / "moved");
    EXPECT_FALSE(say("lost"));  // it is kept open meanwhile
    EXPECT_FALSE(sessions().problem().empty());
    fs::create_directory(path.parent_path());
    ASSERT_TRUE(say("fourth"));
    fs::remove(path);
    opened.reset();
    EXPECT_THAT(said(),
                ElementsAre("first", "an answer", "second", "an answer", "third", "an answer", "fourth", "an answer"));
    EXPECT_EQ(sessions().problem(), "");
}

// Its log alone; then it is emptied.
TEST_F(SessionsOnDisk, makes_its_log_again) {
    ASSERT_TRUE(say("first"));
    fs::remove(path.string() + "-wal");
    ASSERT_TRUE(say("second"));
    EXPECT_THAT(sessions().problem(), HasSubstr("their log was removed"));
    EXPECT_TRUE(fs::exists(path.string() + "-wal"));
    opened.reset();
    EXPECT_THAT(said(), ElementsAre("first", "an answer", "second", "an answer"));
    fs::resize_file(path, 0);
    ASSERT_TRUE(say("after"));
    EXPECT_THAT(sessions().problem(), HasSubstr("damaged"));
    EXPECT_THAT(said(), ElementsAre("after", "an answer"));
}

// Nothing of it is left: that is said, until the next start.
TEST_F(SessionsOnDisk, an_emptied_file_is_told) {
    ASSERT_TRUE(say("before"));
    opened.reset();
    fs::resize_file(path, 0);
    ASSERT_TRUE(say("after"));
    EXPECT_THAT(sessions().problem(), HasSubstr("emptied"));
    EXPECT_THAT(said(), ElementsAre("after", "an answer"));
    opened.reset();
    EXPECT_THAT(said(), ElementsAre("after", "an answer"));
    EXPECT_EQ(sessions().problem(), "");
}

// Killed when the new file was whole and the damaged one still in its place: it is put there.
TEST_F(SessionsOnDisk, a_replacement_is_finished) {
    ASSERT_TRUE(say("taken over"));
    opened.reset();
    fs::rename(path, path.string() + ".rebuilt");
    std::ofstream(path) << std::string(8192, '\0');
    EXPECT_THAT(said(), ElementsAre("taken over", "an answer"));
    EXPECT_EQ(kept_aside().size(), 1U);
}

// A table is gone from a file that is sound otherwise: it is no file of ours any more, and is kept.
TEST_F(SessionsOnDisk, a_file_without_its_tables_is_made_anew) {
    ASSERT_TRUE(say("before"));
    opened.reset();
    Database(path.string(), Database::Mode::read_write).execute("DROP TABLE Messages");
    EXPECT_TRUE(say("after"));
    EXPECT_EQ(kept_aside().size(), 1U);
    EXPECT_THAT(said(), ElementsAre("after", "an answer"));
}

// Left alone to the last byte, and told.
TEST_F(SessionsOnDisk, a_newer_file_is_left_alone) {
    ASSERT_TRUE(say("before"));
    opened.reset();
    Database(path.string(), Database::Mode::read_write).execute("PRAGMA user_version = 99");
    const auto before = contents(path);
    const auto refused = say("during");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::newer_version);
    EXPECT_THAT(refused.error().message, HasSubstr("run the newer version, or move the file away"));
    opened.reset();
    EXPECT_TRUE(contents(path) == before);

    Database(path.string(), Database::Mode::read_write).execute("PRAGMA user_version = 1; PRAGMA application_id = 5");
    EXPECT_EQ(say("during").error().code, errc::not_sessions);
}

// A path that was mistaken: another program's file stays as it is.
TEST_F(SessionsOnDisk, another_programs_file_is_left_alone) {
    folder.write("sessions.db", "my notes\n");
    fs::permissions(path, fs::perms(0644));
    const auto refused = say("during");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::not_sessions);
    EXPECT_THAT(refused.error().message, HasSubstr("Chat.Path names a file that holds no conversations: "));
    EXPECT_THAT(sessions().problem(), HasSubstr(path.string()));
    opened.reset();
    EXPECT_EQ(contents(path), "my notes\n");
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(0644));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST_F(SessionsOnDisk, no_link_is_followed) {
    const auto elsewhere = folder.write("elsewhere", "");
    fs::create_symlink(elsewhere, path);
    const auto refused = say("hello");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::read_only);
    EXPECT_EQ(contents(elsewhere), "");
}

// Another process has it: waited for a little, then refused by name, and had when it is free.
TEST_F(SessionsOnDisk, a_file_in_use_is_told) {
    ASSERT_TRUE(say("before"));
    opened.reset();
    std::optional<SessionFile> other(std::in_place, path);
    const auto refused = say("during");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, storage_errc::busy);
    EXPECT_THAT(refused.error().message, HasSubstr("in use by another process"));
    other.reset();
    EXPECT_TRUE(say("after"));
}

}  // namespace
}  // namespace jiro::assistant
