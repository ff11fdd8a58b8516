// SPDX-License-Identifier: MIT
#include "assistant/session_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "assistant/stored_time.hpp"
#include "support/temp_dir.hpp"

namespace jiro::assistant {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr WallTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 29)};

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

struct SessionFileTest : testing::Test {
    jiro::test::TempDir folder;
    std::filesystem::path path = folder.path() / "sessions.db";
    int ids = 0;

    // Its answer is called "a" with the number in `ids`.
    History begin(SessionFile& file, const std::string& session, const std::string& question,
                  std::size_t room = 1'000'000, const Instant& now = kNow) {
        const auto id = std::to_string(++ids);
        return file.begin({session, "instance", question, "q" + id, "a" + id, now, room});
    }
    void exchange(SessionFile& file, const std::string& session, const std::string& question, const std::string& answer,
                  const Instant& now = kNow) {
        static_cast<void>(begin(file, session, question, 1000, now));
        EXPECT_TRUE(file.write_answer("a" + std::to_string(ids), answer, AnswerState::whole, 1, now));
    }
};

// Texts are kept as they are, sessions are named by their first words and listed by their last use.
TEST_F(SessionFileTest, keeps_texts_exactly) {
    SessionFile file(path);
    const std::string question = "  Write \"it\" down:\n\n\tline two 'x' \xF0\x9F\x9A\x80  ";
    exchange(file, "s1", question, "```\ncode\n```\n");
    exchange(file, "s2", std::string(300, 'w') + " more", "b", kNow + 1s);
    const auto messages = file.messages("s1", {});
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].content, question);
    EXPECT_TRUE(messages[0].is_user);
    EXPECT_EQ(messages[1].content, "```\ncode\n```\n");
    const auto list = file.list(10);
    ASSERT_EQ(list.total, 2U);
    EXPECT_EQ(list.sessions[0].id, "s2");
    EXPECT_EQ(list.sessions[1].name, "Write \"it\" down: line two 'x' \xF0\x9F\x9A\x80");
    EXPECT_LE(list.sessions[0].name.size(), 64U);
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
}

// Page by page, in the order in which they began: one that is used meanwhile is neither left out nor told twice.
TEST_F(SessionFileTest, pages_through_all_sessions) {
    SessionFile file(path);
    for (const char* id : {"c", "a", "d", "b"}) exchange(file, id, "question", "answer");
    const auto ids = [](const SessionPage& page) {
        std::string all;
        for (const auto& session : page.sessions) all += session.id + ' ';
        return all;
    };

    auto page = file.page(0, 2);
    EXPECT_EQ(ids(page), "c a ");
    EXPECT_EQ(page.sessions[0].name, "question");
    ASSERT_TRUE(page.next);
    exchange(file, "b", "question", "answer", kNow + 1s);
    exchange(file, "c", "question", "answer", kNow + 2s);
    page = file.page(*page.next, 2);
    EXPECT_EQ(ids(page), "d b ");
    ASSERT_TRUE(page.next);
    page = file.page(*page.next, 2);
    EXPECT_EQ(ids(page), "");
    EXPECT_FALSE(page.next);
    EXPECT_FALSE(file.page(0, 5).next);
}

// The model is told whole exchanges, the newest that fit; what is cut, or has no answer, stays readable.
TEST_F(SessionFileTest, history_is_whole_exchanges_that_fit) {
    SessionFile file(path);
    for (int i = 0; i < 10; ++i) exchange(file, "s", "question " + std::to_string(i), std::string(90, 'a'));
    static_cast<void>(begin(file, "s", "never answered"));
    auto history = begin(file, "s", "now", 250);
    ASSERT_EQ(history.exchanges.size(), 2U);
    EXPECT_EQ(history.exchanges[0].question, "question 8");
    EXPECT_EQ(history.exchanges[1].question, "question 9");
    EXPECT_TRUE(history.has_unsummarized);

    const auto older = file.unsummarized("s", history.exchanges[0].sequence, 100'000);
    ASSERT_EQ(older.size(), 8U);
    EXPECT_EQ(older.front().question, "question 0");
    file.set_summary("s", "what was said", older.back().sequence);
    history = begin(file, "s", "again", 250);
    EXPECT_EQ(history.summary, "what was said");
    EXPECT_EQ(history.exchanges.size(), 2U);
    EXPECT_FALSE(history.has_unsummarized);

    EXPECT_TRUE(file.reset("s"));
    EXPECT_FALSE(file.reset("other"));
    history = begin(file, "s", "anew", 100'000);
    EXPECT_TRUE(history.exchanges.empty());
    EXPECT_TRUE(history.summary.empty());
    EXPECT_GT(file.find("s")->messages, 20U);
}

// A process that died in the middle of an answer leaves what had come, marked.
TEST_F(SessionFileTest, half_answers_are_marked_at_the_next_opening) {
    {
        SessionFile file(path);
        static_cast<void>(begin(file, "s", "long question"));
        file.write_answer("a1", "half an ans", AnswerState::being_written, 0, kNow);
        static_cast<void>(begin(file, "t", "no word came"));
    }
    SessionFile file(path);
    file.mark_interrupted();
    const auto messages = file.messages("s", {});
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_THAT(messages[1].content, HasSubstr("half an ans\n\n*(The answer was cut off here.)*"));
    EXPECT_EQ(file.messages("t", {}).size(), 1U);
}

// Opened again by the process in which it is made, the answer finds its place; one that is gone is told.
TEST_F(SessionFileTest, an_answer_under_way_keeps_its_place) {
    {
        SessionFile file(path);
        static_cast<void>(begin(file, "s", "question"));
    }
    SessionFile file(path);
    EXPECT_TRUE(file.write_answer("a1", "an answer", AnswerState::whole, 1, kNow));
    EXPECT_EQ(file.messages("s", {}).back().content, "an answer");
    EXPECT_TRUE(file.remove("s"));
    EXPECT_FALSE(file.write_answer("a1", "an answer", AnswerState::whole, 1, kNow));
    EXPECT_FALSE(file.write_answer("a1", "", AnswerState::cut, 1, kNow));
}

// Rows that went before leave holes between the numbers; what names a number still names the same message.
TEST_F(SessionFileTest, a_rebuilt_file_knows_what_was_forgotten_and_what_is_being_written) {
    const Instant now{kNow, "boot", 10s};
    {
        SessionFile file(path);
        exchange(file, "removed", "q", "a");
        exchange(file, "reset", "to be forgotten", "a");
        EXPECT_TRUE(file.reset("reset"));
        exchange(file, "reset", "told", "a");
        exchange(file, "summarized", "in the summary", "a");
        file.set_summary("summarized", "what was said", 8);
        exchange(file, "summarized", "told", "a", now);
        EXPECT_TRUE(file.remove("removed"));
        static_cast<void>(begin(file, "asked", "question", 1000, now));
        static_cast<void>(begin(file, "asked too", "question", 1000, now));
    }
    EXPECT_EQ(rebuild(path).taken.messages, 12U);
    SessionFile file(path);
    EXPECT_TRUE(file.write_answer("a6", "answered", AnswerState::whole, 1, now));
    EXPECT_EQ(file.messages("asked", {}).back().content, "answered");
    EXPECT_EQ(file.messages("asked too", {}).back().content, "");

    auto history = begin(file, "reset", "now");
    ASSERT_EQ(history.exchanges.size(), 1U);
    EXPECT_EQ(history.exchanges[0].question, "told");
    history = begin(file, "summarized", "now");
    EXPECT_EQ(history.summary, "what was said");
    ASSERT_EQ(history.exchanges.size(), 1U);
    EXPECT_EQ(history.exchanges[0].question, "told");
    const SessionLimits month{100, std::chrono::days(30), UINT64_MAX};
    EXPECT_EQ(file.sweep(month, {kNow + std::chrono::days(400), "boot", 20s}), 0U) << "its age is of this boot";
}

// What was said last is lost; what is said from then on is told to the model all the same.
TEST_F(SessionFileTest, a_lost_message_hides_nothing_new) {
    {
        SessionFile file(path);
        exchange(file, "s", "forgotten", "a");
        exchange(file, "s", "forgotten and lost", "a");
        EXPECT_TRUE(file.reset("s"));
    }
    Database(path.string(), Database::Mode::read_write).execute("DELETE FROM Messages WHERE Sequence > 2");
    EXPECT_EQ(rebuild(path).taken.messages, 2U);
    SessionFile file(path);
    exchange(file, "s", "new", "a");
    const auto history = begin(file, "s", "now");
    ASSERT_EQ(history.exchanges.size(), 1U);
    EXPECT_EQ(history.exchanges[0].question, "new");
}

// Taken over beside what is here, a conversation knows what was forgotten, too; what was being written is cut.
TEST_F(SessionFileTest, takes_over_another_file_of_its_kind) {
    const auto other = folder.path() / "other.db";
    {
        SessionFile file(other);
        exchange(file, "theirs", "forgotten", "a");
        EXPECT_TRUE(file.reset("theirs"));
        exchange(file, "theirs", "told", "a");
        static_cast<void>(begin(file, "theirs", "half"));
        file.write_answer("a3", "half an ans", AnswerState::being_written, 0, kNow);
        static_cast<void>(begin(file, "theirs", "no word came"));
    }
    ids = 100;
    SessionFile file(path);
    exchange(file, "ours", "q", "a");
    EXPECT_EQ(file.import_from(other, SessionFile::Reading::strict).messages, 7U);
    EXPECT_THAT(file.messages("theirs", {})[5].content, HasSubstr("half an ans\n\n*(The answer was cut off here.)*"));
    const auto history = begin(file, "theirs", "now");
    ASSERT_EQ(history.exchanges.size(), 2U);
    EXPECT_EQ(history.exchanges[0].question, "told");
    EXPECT_EQ(begin(file, "ours", "now").exchanges.size(), 1U);
}

// An answer whose end could not be stored is a cut one with the next question.
TEST_F(SessionFileTest, an_answer_without_its_end_is_cut) {
    SessionFile file(path);
    static_cast<void>(begin(file, "s", "question"));
    static_cast<void>(begin(file, "t", "question"));
    for (const char* answer : {"a1", "a2"}) file.write_answer(answer, "half", AnswerState::being_written, 0, kNow);
    static_cast<void>(begin(file, "s", "another"));
    EXPECT_THAT(file.messages("s", {})[1].content, HasSubstr("cut off here"));
    EXPECT_EQ(file.messages("t", {})[1].content, "half");
}

// Removed means gone: from the file and from its log.
TEST_F(SessionFileTest, removed_texts_are_gone) {
    SessionFile file(path);
    for (int i = 0; i < 50; ++i) exchange(file, "s", "canary-secret " + std::to_string(i), "canary-answer");
    exchange(file, "t", "other", "stays");
    EXPECT_TRUE(file.remove("s"));
    EXPECT_FALSE(file.remove("s"));
    const auto everything = bytes_of(path) + bytes_of(path.string() + "-wal");
    EXPECT_EQ(everything.find("canary"), std::string::npos);
    EXPECT_NE(everything.find("stays"), std::string::npos);
}

TEST_F(SessionFileTest, pages_go_on_where_the_last_one_ended) {
    SessionFile file(path);
    for (int i = 0; i < 5; ++i) exchange(file, "s", std::to_string(i), std::string(100, 'a'));
    MessagePage page{MessageOrder::newest_first, std::nullopt, 3, 1'000'000};
    auto messages = file.messages("s", page);
    ASSERT_EQ(messages.size(), 3U);
    page.after = messages.back().sequence;
    messages = file.messages("s", page);
    ASSERT_EQ(messages.size(), 3U);
    EXPECT_EQ(messages[0].content, "3");
    page = {MessageOrder::oldest_first, std::nullopt, 100, 150};
    EXPECT_EQ(file.messages("s", page).size(), 3U);
    page.max_bytes = 0;
    EXPECT_EQ(file.messages("s", page).size(), 1U);
    EXPECT_TRUE(file.update("s", {"a new name", std::nullopt}));
    EXPECT_EQ(file.find("s")->name, "a new name");
    EXPECT_FALSE(file.update("t", {"x", std::nullopt}));
}

// A machine without a clock of its own begins somewhere in the past, and is set when the network is there.
TEST_F(SessionFileTest, a_clock_that_is_set_makes_nothing_old) {
    using std::chrono::days;
    using namespace std::chrono_literals;
    const SessionLimits month{100, days(30), UINT64_MAX};
    SessionFile file(path);
    exchange(file, "new", "q", "a", {kNow, "boot 1", 10s});
    exchange(file, "earlier boot", "q", "a", {kNow - days(29), "boot 0", 50s});
    const WallTime set = kNow + days(400);
    EXPECT_EQ(file.sweep(month, {set, "boot 1", 20s}), 1U) << "of another boot, only the wall clock tells";
    ASSERT_TRUE(file.find("new"));
    EXPECT_EQ(file.find("new")->last_used_at, set - 10s) << "and it is known how late that was";
    EXPECT_EQ(file.sweep(month, {set + days(1), "boot 2", 10s}), 0U) << "in the next boot, too";
    EXPECT_EQ(file.sweep(month, {set + days(31), "boot 2", 10s}), 1U);

    exchange(file, "long ago", "q", "a", {kNow, "boot 3", 10s});
    EXPECT_EQ(file.sweep(month, {kNow - days(500), "boot 3", days(31)}), 1U) << "set back, it hides no age";
    exchange(file, "no boot is known", "q", "a", {kNow, "", 10s});
    EXPECT_EQ(file.sweep(month, {kNow + days(31), "", 20s}), 1U);
}

// Nor does one that is set back make the conversation of just now the least recently used.
TEST_F(SessionFileTest, a_clock_that_is_set_back_takes_nobodys_turn) {
    SessionFile file(path);
    exchange(file, "before", "q", "a", kNow);
    exchange(file, "just now", "q", "a", kNow - std::chrono::hours(1000));
    EXPECT_EQ(file.sweep({1, std::chrono::days(0), UINT64_MAX}, kNow), 1U);
    EXPECT_TRUE(file.find("just now"));
}

// A file of a version that knew only wall time.
TEST_F(SessionFileTest, takes_an_earlier_file_as_it_is) {
    {
        SessionFile file(path);
        exchange(file, "s", "q", "a");
    }
    {
        Database database(path.string(), Database::Mode::read_write);
        database.execute(
            "ALTER TABLE ChatSessions DROP COLUMN UsedInBoot; ALTER TABLE ChatSessions DROP COLUMN UsedAtMs");
    }
    SessionFile file(path);
    EXPECT_TRUE(file.find("s"));
    exchange(file, "s", "q", "a", {kNow, "boot", std::chrono::seconds(10)});
    const SessionLimits month{100, std::chrono::days(30), UINT64_MAX};
    EXPECT_EQ(file.sweep(month, {kNow + std::chrono::days(40), "boot", std::chrono::seconds(20)}), 0U);
}

// The least recently used go first, by age, number and size.
TEST_F(SessionFileTest, limits_remove_the_least_recently_used) {
    SessionFile file(path);
    for (int i = 0; i < 20; ++i)
        exchange(file, std::to_string(i), "q", std::string(20'000, 'a'), kNow + std::chrono::hours(24 * i));
    const auto now = kNow + std::chrono::hours(24 * 20);
    EXPECT_EQ(file.sweep({100, std::chrono::days(15), UINT64_MAX}, now), 5U);
    EXPECT_EQ(file.sweep({10, std::chrono::days(0), UINT64_MAX}, now), 5U);
    EXPECT_GT(file.sweep({10, std::chrono::days(0), 100'000}, now), 4U);
    EXPECT_LT(file.bytes(), 100'000U);
    EXPECT_EQ(file.list(1).sessions[0].id, "19");
}

// Nor is it one in which an answer is being written, which does not count meanwhile; then it is the last used one.
TEST_F(SessionFileTest, limits_wait_for_an_answer) {
    SessionFile file(path);
    static_cast<void>(begin(file, "slow", "q", 1000, {kNow, "boot", 10s}));
    exchange(file, "quick", "q", std::string(50'000, 'a'), {kNow, "boot", 20s});
    const Instant later{kNow, "boot", std::chrono::days(40)};
    EXPECT_EQ(file.sweep({1, std::chrono::days(0), 10'000}, later), 0U);
    EXPECT_EQ(file.sweep({1, std::chrono::days(30), UINT64_MAX}, later), 1U);
    EXPECT_TRUE(file.find("slow"));

    exchange(file, "quick", "q", "a", {kNow, "boot", 20s});
    EXPECT_TRUE(file.write_answer("a1", "a", AnswerState::whole, 1, {kNow, "boot", 30s}));
    EXPECT_EQ(file.sweep({1, std::chrono::days(0), UINT64_MAX}, {kNow, "boot", 30s}), 1U);
    EXPECT_TRUE(file.find("slow"));
}

// jiro.db of the C# client, as Entity Framework makes it.
TEST_F(SessionFileTest, takes_over_the_other_clients_file) {
    const auto other = folder.path() / "jiro.db";
    std::ofstream(other).close();
    {
        Database database(other.string(), Database::Mode::read_write);
        database.execute(R"(
            CREATE TABLE ChatSessions (Id TEXT NOT NULL CONSTRAINT PK PRIMARY KEY, Name TEXT NOT NULL, Description TEXT
                NOT NULL, CreatedAt TEXT NOT NULL, LastUpdatedAt TEXT NOT NULL);
            CREATE TABLE Messages (Id TEXT NOT NULL CONSTRAINT PK PRIMARY KEY, Content TEXT NOT NULL, InstanceId TEXT
                NOT NULL, SessionId TEXT NOT NULL, IsUser INTEGER NOT NULL, CreatedAt TEXT NOT NULL, Type INTEGER NOT
                NULL, FOREIGN KEY (SessionId) REFERENCES ChatSessions (Id) ON DELETE CASCADE);
            INSERT INTO ChatSessions VALUES ('9a0e', 'Session-9a0e', '', '2025-08-06 13:53:19.1234567',
                '2025-08-06 13:55:00');
            INSERT INTO Messages VALUES ('m2', 'Hi!', 'i', '9a0e', 0, '2025-08-06 13:53:21', 0),
                ('m1', 'Hello', 'i', '9a0e', 1, '2025-08-06 13:53:19.1234567', 0);
        )");
    }
    SessionFile file(path);
    for (const std::uint64_t expected : {2U, 0U}) {  // a second time nothing is added
        const auto counts = file.import_from(other, SessionFile::Reading::strict);
        EXPECT_EQ(counts.messages, expected);
    }
    const auto messages = file.messages("9a0e", {});
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].content, "Hello");
    EXPECT_EQ(to_stored(messages[0].created_at), "2025-08-06 13:53:19.1234567");
    EXPECT_EQ(file.find("9a0e")->name, "Session-9a0e");
    EXPECT_EQ(begin(file, "9a0e", "and now").exchanges.size(), 1U);
    const auto no_database = folder.write("notes.txt", "these are notes, and no database of any kind at all");
    EXPECT_THROW(file.import_from(no_database, SessionFile::Reading::strict), ForeignFile);
}

// A newer version's file is left alone; another program's is not taken for ours.
TEST_F(SessionFileTest, refuses_what_it_does_not_know) {
    { SessionFile file(path); }
    {
        Database database(path.string(), Database::Mode::read_write);
        database.execute("PRAGMA user_version = 99");
    }
    const auto before = bytes_of(path);
    try {
        SessionFile file(path);
        ADD_FAILURE();
    } catch (const StorageError& error) {
        EXPECT_EQ(error.code, storage_errc::newer_version);
    }
    EXPECT_EQ(bytes_of(path).size(), before.size());
}

}  // namespace
}  // namespace jiro::assistant
