// SPDX-License-Identifier: MIT
#include "base/log_pipeline.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <functional>

#include "base/log_text.hpp"
#include "support/log_capture.hpp"

namespace jiro::log {
namespace {

using test::LogCapture;

// A sink that keeps the sentences, and that the test can hold shut.
struct Memory {
    std::mutex mutex;
    std::condition_variable opened;
    bool is_open = true;
    std::vector<std::string> lines;

    void open(bool value) {
        const std::scoped_lock lock(mutex);
        is_open = value;
        opened.notify_all();
    }
};

class MemorySink final : public Sink {
  public:
    explicit MemorySink(Memory& memory) : memory_(memory) {}
    void write(const Record& record) override {
        std::unique_lock lock(memory_.mutex);
        memory_.opened.wait(lock, [this] { return memory_.is_open; });
        memory_.lines.push_back(sentence(record));
    }

  private:
    Memory& memory_;
};

PackedLine line(const std::string& message, Level level = Level::info) { return {level, "test", {}, message, {}}; }

// Lines come out in order, scrubbed, and repeats are told at the end.
TEST(LogPipeline, writes_in_order_scrubbed_and_summarised) {
    Memory memory;
    SharedScrubber scrubber;
    scrubber.add("hunter22");
    {
        Pipeline pipeline(scrubber, std::make_unique<MemorySink>(memory));
        pipeline.post(line("first hunter22"));
        for (int i = 0; i < 3; ++i) pipeline.post(line("again", Level::error));
        pipeline.flush();
        EXPECT_EQ(memory.lines, (std::vector<std::string>{"first ***", "again"}));
    }
    EXPECT_EQ(memory.lines.back(), "again (repeated 2 times in 1 s)");
}

// A sink that stands still never blocks the caller; what was lost is counted and said.
TEST(LogPipeline, overflow_gives_way_and_is_reported) {
    Memory memory;
    memory.is_open = false;
    const SharedScrubber scrubber;
    std::uint64_t counted = 0;
    {
        Pipeline pipeline(scrubber, std::make_unique<MemorySink>(memory), 16);
        for (int i = 0; i < 1000; ++i) pipeline.post(line("line " + std::to_string(i)));
        counted = pipeline.lost();
        memory.open(true);
    }
    std::size_t lost = 0;
    std::size_t shown = 0;
    for (const std::string& text : memory.lines) {
        const std::string_view marker = "Log lines were lost: they came faster than they could be written lines=";
        if (text.starts_with(marker)) {
            lost += std::stoul(text.substr(marker.size()));
        } else {
            ++shown;
        }
    }
    EXPECT_GT(lost, 900U);
    EXPECT_EQ(counted, lost);
    EXPECT_EQ(shown + lost, 1000U);
    EXPECT_EQ(memory.lines.back(), "line 999");
}

// The sink can be exchanged while lines flow.
TEST(LogPipeline, sink_can_be_replaced) {
    Memory first;
    Memory second;
    const SharedScrubber scrubber;
    Pipeline pipeline(scrubber, std::make_unique<MemorySink>(first));
    pipeline.post(line("one"));
    pipeline.flush();
    pipeline.replace_sink(std::make_unique<MemorySink>(second));
    pipeline.post(line("two"));
    pipeline.flush();
    EXPECT_EQ(first.lines, std::vector<std::string>{"one"});
    EXPECT_EQ(second.lines, std::vector<std::string>{"two"});
}

// Many threads write at once; nothing is lost or mixed while there is room.
TEST(LogPipeline, takes_lines_from_many_threads) {
    Memory memory;
    const SharedScrubber scrubber;
    {
        Pipeline pipeline(scrubber, std::make_unique<MemorySink>(memory));
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&pipeline, t] {
                for (int i = 0; i < 500; ++i) pipeline.post(line(std::to_string(t) + '-' + std::to_string(i)));
            });
        }
        for (std::thread& thread : threads) thread.join();
    }
    EXPECT_EQ(memory.lines.size(), 2000U);
}

// A reader that has gone to sleep costs the patience, not the thread.
TEST(LogPipeline, full_pipe_does_not_hang_the_writer) {
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
TEST(LogPipeline, recognises_the_journals_stream) {
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

// Levels below the configured one cost one comparison and write nothing; the level changes in place.
TEST(Log, level_is_configured_in_place) {
    testing::internal::CaptureStderr();
    const Logger logger{"test"};
    configure({Level::warn, Target::console});
    EXPECT_FALSE(Logger::enabled(Level::info));
    logger.info("not to be seen");
    logger.warn("to be seen", {{"n", 1}});
    flush();  // what is still queued goes to the new target
    configure({Level::debug, Target::json});
    logger.debug("as json");
    flush();
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

// Where there is no journal, no line is swallowed: they go to standard error, and the first says so.
TEST(JournalSink, writes_to_standard_error_where_there_is_no_journal) {
    testing::internal::CaptureStderr();
    const auto sink = make_journal_sink("/nonexistent/journal/socket");
    const std::vector<RecordField> none;
    sink->write({{}, Level::info, "test", {}, "first", none});
    sink->write({{}, Level::info, "test", {}, "second", none});
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
