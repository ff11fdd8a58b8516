// SPDX-License-Identifier: MIT
#include "base/log_queue.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/log_sinks.hpp"
#include "support/log_capture.hpp"
#include "unit/base/log_lines.hpp"

namespace jiro::log {
namespace {

using test::LogCapture;

std::shared_ptr<BudgetSink> budget_before(spdlog::sink_ptr sink) {
    return std::make_shared<BudgetSink>(std::move(sink));
}

// Lines come out in order, and repeats are told at the end.
TEST(LogQueue, writes_in_order_and_tells_repeats_at_the_end) {
    const auto memory = std::make_shared<MemorySink>();
    {
        QueueSink queue(budget_before(memory));
        TestLine{"first"}.log_to(queue);
        for (int i = 0; i < 3; ++i) TestLine{"again", spdlog::level::err}.log_to(queue);
    }
    EXPECT_EQ(memory->lines(), (std::vector<std::string>{"first", "again", "again (repeated 2 times in 1 s)"}));
}

// A secret is in no line, and nothing else is changed.
TEST(LogQueue, scrubber_hides_secrets_in_sentences_and_fields) {
    const auto memory = std::make_shared<MemorySink>();
    ScrubSink scrub;
    scrub.add_sink(memory);
    scrub.add("hunter22");
    TestLine{"first hunter22", spdlog::level::info, {{"url", "http://h/?id=hunter22&x=1"}, {"token", "t"}}}.log_to(
        scrub);
    EXPECT_EQ(memory->lines(), std::vector<std::string>{"first *** url=\"http://h/?id=***&x=1\" token=***"});
}

// A sink that stands still never blocks the caller; what was lost is counted and said, and it is never an error.
TEST(LogQueue, overflow_gives_way_and_is_reported) {
    const auto memory = std::make_shared<MemorySink>();
    memory->open(false);
    std::uint64_t counted = 0;
    {
        QueueSink queue(budget_before(memory), 16);
        TestLine{"an error", spdlog::level::err, {{"command_sync_id", "cmd-1"}}}.log_to(queue);
        for (int i = 0; i < 1000; ++i) {
            TestLine{"line", spdlog::level::info, {{"command_sync_id", std::to_string(i)}}}.log_to(queue);
            if (i == 500) TestLine{"an error", spdlog::level::err, {{"command_sync_id", "cmd-2"}}}.log_to(queue);
        }
        counted = queue.lost();
        memory->open(true);
    }
    std::size_t lost = 0;
    std::size_t shown = 0;
    std::size_t errors = 0;
    std::string last;  // a report of losses may follow it
    for (const std::string& text : memory->lines()) {
        const std::string_view marker = "Log lines were lost: they came faster than they could be written lines=";
        if (text.starts_with(marker)) {
            lost += std::stoul(text.substr(marker.size()));
        } else {
            ++shown;
            last = text;
            if (text.starts_with("an error")) ++errors;
        }
    }
    EXPECT_GT(lost, 900U);
    EXPECT_EQ(counted, lost);
    EXPECT_EQ(shown + lost, 1002U);
    EXPECT_EQ(errors, 2U);
    EXPECT_EQ(last, "line command_sync_id=999");
}

// Many threads write at once; nothing is lost or mixed while there is room.
TEST(LogQueue, takes_lines_from_many_threads) {
    const auto memory = std::make_shared<MemorySink>();
    {
        QueueSink queue(budget_before(memory));
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&queue, t] {
                for (int i = 0; i < 500; ++i) {
                    const std::string id = std::to_string(t) + '-' + std::to_string(i);
                    TestLine{"line", spdlog::level::info, {{"command_sync_id", id}}}.log_to(queue);
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
    }
    EXPECT_EQ(memory->lines().size(), 2000U);
}

// A reader that has gone to sleep costs the patience, not the thread.
TEST(LogOutput, full_pipe_does_not_hang_the_writer) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const std::string much(1024 * 1024, 'x');
    EXPECT_FALSE(write_within(ends[1], much, 0));
    EXPECT_FALSE(write_within(ends[1], "line\n", 0));
    std::string read_back(4096, '\0');
    EXPECT_EQ(::read(ends[0], read_back.data(), read_back.size()), 4096);
    EXPECT_TRUE(write_within(ends[1], "line\n", 0));
    ::close(ends[0]);
    ::close(ends[1]);
}

// The journal is used only when standard error really is what systemd connected.
TEST(LogOutput, recognises_the_journals_stream) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    struct stat status {};
    ASSERT_EQ(fstat(ends[1], &status), 0);
    const std::string right = std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
    EXPECT_TRUE(is_journal_stream(right.c_str(), ends[1]));
    for (const std::string& wrong :
         {right + "1", right + ":", std::string("x"), std::string(), std::string("1:"), '1' + right}) {
        EXPECT_FALSE(is_journal_stream(wrong.c_str(), ends[1])) << wrong;
    }
    EXPECT_FALSE(is_journal_stream(nullptr, ends[1]));
    ::close(ends[0]);
    ::close(ends[1]);
}

// Tests see every line of every level, at once, after scrubbing.
TEST(Log, capture_sees_every_level) {
    LogCapture logs;
    const Logger logger{"test"};
    register_secret(Secret("canary-value"));
    logger.trace("small");
    logger.with_event({"0123"}).warn("It is canary-value",
                                     {{"n", 5}, {"flag", true}, {"took", std::chrono::milliseconds(7)}});
    EXPECT_TRUE(Logger::enabled(Level::trace));
    ASSERT_EQ(logs.lines().size(), 2U);
    EXPECT_EQ(logs.lines(Level::warn).at(0).text(), "warn test: It is *** n=5 flag=true took=7");
    EXPECT_EQ(logs.lines()[1].event_id, "0123");
    EXPECT_EQ(logs.field("It is", "n"), "5");
    EXPECT_EQ(logs.count("small"), 1U);
    logs.clear();
    EXPECT_EQ(logs.text(), "");
}

// Levels below the configured one cost one comparison and write nothing; level and target change in place.
TEST(Log, level_is_configured_in_place) {
    testing::internal::CaptureStderr();
    const Logger logger{"test"};
    configure({Level::warn, Target::console});
    EXPECT_FALSE(Logger::enabled(Level::info));
    logger.info("not to be seen");
    logger.warn("to be seen", {{"n", 1}});
    shutdown();  // what is still queued goes to the old target
    configure({Level::info, Target::console});
    configure({Level::debug, Target::json});
    logger.debug("as json");
    shutdown();
    logger.info("after the end");
    configure({Level::info, Target::automatic});
    shutdown();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_EQ(text.find("not to be seen"), std::string::npos);
    EXPECT_NE(text.find("to be seen n=1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\"message\":\"as json\"}\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\"message\":\"after the end\"}\n"), std::string::npos) << text;
}

// A logger that is made late has the configured level, and its lines the target's form.
TEST(Log, late_logger_is_as_the_others) {
    testing::internal::CaptureStderr();
    configure({Level::debug, Target::json});
    const Logger late{"a component that nobody had before"};
    late.debug("small");
    shutdown();
    configure({Level::info, Target::automatic});
    shutdown();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("\"message\":\"small\"}\n"), std::string::npos) << text;
}

// Where there is no journal, no line is swallowed: they go to standard error, and the first says so.
TEST(JournalSink, writes_to_standard_error_where_there_is_no_journal) {
    testing::internal::CaptureStderr();
    const auto sink = make_journal_sink("/nonexistent/journal/socket");
    TestLine{"first"}.log_to(*sink);
    TestLine{"second"}.log_to(*sink);
    sink->flush();
    const std::string written = testing::internal::GetCapturedStderr();

    const auto said = written.find("There is no journal: lines go to standard error");
    ASSERT_NE(said, std::string::npos) << written;
    EXPECT_EQ(written.find("There is no journal", said + 1), std::string::npos) << written;
    EXPECT_LT(said, written.find("first")) << written;
    EXPECT_NE(written.find("second"), std::string::npos) << written;
}

}  // namespace
}  // namespace jiro::log
