// SPDX-License-Identifier: MIT
#include "base/log_queue.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "base/log_output.hpp"
#include "base/log_sinks.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "support/log_capture.hpp"
#include "support/temp_dir.hpp"
#include "unit/base/log_lines.hpp"

namespace jiro::log {
namespace {

using test::LogCapture;
using namespace std::chrono_literals;

constexpr auto kPatienceOfTest = 20s;

std::shared_ptr<BudgetSink> budget_before(spdlog::sink_ptr sink) {
    return std::make_shared<BudgetSink>(std::move(sink));
}

// What a reader has got, and whether it reads: as a pipe does, it takes some lines into its buffer all the same.
struct Reader {
    std::atomic<bool> reads = true;
    std::atomic<int> refused = 0;
    std::mutex mutex;
    std::vector<std::string> lines;

    std::vector<std::string> seen() {
        const std::scoped_lock lock(mutex);
        return lines;
    }
    void wait_for(std::size_t count) {
        while (seen().size() < count) std::this_thread::yield();
    }
};

class FakeOutput final : public Output {
  public:
    explicit FakeOutput(Reader& reader) : reader_(reader) {}

    bool take(const spdlog::details::log_msg& line, std::chrono::milliseconds patience) override {
        if (taken_.size() >= 2 && !flush(patience)) return false;
        taken_.push_back(sentence(unpack(line)));
        return true;
    }
    bool flush(std::chrono::milliseconds /*patience*/) override {
        if (!reader_.reads && !taken_.empty()) ++reader_.refused;
        if (!reader_.reads) return taken_.empty();
        const std::scoped_lock lock(reader_.mutex);
        for (auto& line : std::exchange(taken_, {})) reader_.lines.push_back(std::move(line));
        return true;
    }
    [[nodiscard]] std::size_t left() const override { return taken_.size(); }

  private:
    Reader& reader_;
    std::vector<std::string> taken_;
};

std::shared_ptr<OutputSink> sink_before(Reader& reader) {
    return std::make_shared<OutputSink>(std::make_unique<FakeOutput>(reader));
}

// For a queue before another sink.
std::shared_ptr<const OutputSink> no_output() {
    static Reader nobody;
    static const auto output = sink_before(nobody);
    return output;
}

// Lines come out in order, and repeats are told at the end.
TEST(LogQueue, writes_in_order_and_tells_repeats_at_the_end) {
    const auto memory = std::make_shared<MemorySink>();
    {
        QueueSink queue(budget_before(memory), no_output());
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
    scrub.redactor().add("hunter22", "a file");
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
        QueueSink queue(budget_before(memory), no_output(), 16);
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
        QueueSink queue(budget_before(memory), no_output());
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
    EXPECT_LT(write_within(ends[1], much, 0ms), much.size());
    EXPECT_EQ(write_within(ends[1], "line\n", 0ms), 0U);
    std::string read_back(4096, '\0');
    EXPECT_EQ(::read(ends[0], read_back.data(), read_back.size()), 4096);
    EXPECT_EQ(write_within(ends[1], "line\n", 0ms), 5U);
    ::close(ends[0]);
    ::close(ends[1]);
}

// A reader that stops loses nothing that there is room for: what it did not take waits, and goes to it in its order.
TEST(LogOutput, keeps_what_is_not_taken) {
    Reader reader;
    const auto sink = sink_before(reader);
    reader.reads = false;
    for (int i = 0; i < 100; ++i) TestLine{std::to_string(i)}.log_to(*sink);
    sink->flush();
    EXPECT_TRUE(sink->is_stalled());
    EXPECT_EQ(sink->lost(), 0U);

    reader.reads = true;
    sink->flush();
    EXPECT_FALSE(sink->is_stalled());
    ASSERT_EQ(reader.lines.size(), 100U);
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(reader.lines[i], std::to_string(i));
}

// Beyond that the oldest give way, errors last; each is counted.
TEST(LogOutput, counts_what_gives_way) {
    Reader reader;
    reader.reads = false;
    const auto sink = sink_before(reader);
    TestLine{"an error", spdlog::level::err}.log_to(*sink);
    for (std::size_t i = 0; i < OutputSink::kMostWaiting + 50; ++i) {
        TestLine{std::to_string(i)}.log_to(*sink);
        if (i == 9) TestLine{"an error", spdlog::level::err}.log_to(*sink);
    }
    reader.reads = true;
    sink->flush();
    EXPECT_EQ(std::ranges::count(reader.lines, "an error"), 2);
    EXPECT_EQ(reader.lines.back(), std::to_string(OutputSink::kMostWaiting + 49));
    EXPECT_EQ(reader.lines.size() + sink->lost(), OutputSink::kMostWaiting + 52);
    EXPECT_EQ(sink->lost(), 50U);
}

// What waits for one output goes to the next; what the first one has taken, and cannot write, is counted.
TEST(LogOutput, hands_over_to_the_next_one) {
    Reader first;
    Reader second;
    first.reads = false;
    const auto sink = sink_before(first);
    for (int i = 0; i < 10; ++i) TestLine{std::to_string(i)}.log_to(*sink);
    sink->use(std::make_unique<FakeOutput>(second));
    sink->flush();
    EXPECT_EQ(second.lines, (std::vector<std::string>{"2", "3", "4", "5", "6", "7", "8", "9"}));
    EXPECT_EQ(sink->lost(), 2U);
    EXPECT_FALSE(sink->is_stalled());
}

// The thread behind the queue tries again by itself, and tells how many lines were lost only where that is read.
TEST(LogOutput, goes_on_without_a_new_line) {
    Reader reader;
    reader.reads = false;
    const auto output = sink_before(reader);
    QueueSink queue(budget_before(output), output);
    const std::size_t count = OutputSink::kMostWaiting + 12;  // two of them are in the output
    for (std::size_t i = 0; i < count; ++i) {
        TestLine{"line", spdlog::level::info, {{"command_sync_id", std::to_string(i)}}}.log_to(queue);
    }
    while (queue.lost() < 10) std::this_thread::yield();
    reader.reads = true;
    reader.wait_for(count - 10 + 1);
    EXPECT_EQ(reader.seen().back(), "Log lines were lost: they came faster than they could be written lines=10");
    EXPECT_TRUE(queue.end(kPatienceOfTest));
}

// An end is waited for so long and no longer: a write that hangs is left alone.
TEST(LogQueue, end_of_a_writer_that_hangs_has_a_limit) {
    const auto memory = std::make_shared<MemorySink>();
    memory->open(false);
    QueueSink queue(budget_before(memory), no_output());
    TestLine{"first"}.log_to(queue);
    EXPECT_FALSE(queue.end(1ms));
    memory->open(true);
    EXPECT_TRUE(queue.end(kPatienceOfTest));
    EXPECT_EQ(memory->lines(), std::vector<std::string>{"first"});
}

// To change level and target waits for no line that is being written.
TEST(Log, configure_does_not_wait_for_a_writer) {
    std::array<int, 2> pipe_ends{};
    ASSERT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
    const int standard_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    ASSERT_EQ(dup2(pipe_ends[1], STDERR_FILENO), STDERR_FILENO);
    const Logger logger{"test"};
    configure({Level::info, Target::json});
    const std::string much(400, 'x');
    for (int i = 0; i < 400; ++i)
        logger.error("line", {{"command_sync_id", i}, {"much", much}});  // more than the pipe takes
    configure({Level::info, Target::console});
    configure({Level::info, Target::json});
    shutdown();  // the thread ends: the output has its limits
    dup2(standard_error, STDERR_FILENO);
    ::close(standard_error);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    configure({Level::info, Target::automatic});
    shutdown();
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
    register_secret(Secret("canary-value"), "a file");
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
TEST(JournalOutput, writes_to_standard_error_where_there_is_no_journal) {
    testing::internal::CaptureStderr();
    OutputSink sink(make_journal_output("/nonexistent/journal/socket"));
    TestLine{"first"}.log_to(sink);
    TestLine{"second"}.log_to(sink);
    sink.flush();
    const std::string written = testing::internal::GetCapturedStderr();

    const auto said = written.find("There is no journal: lines go to standard error");
    ASSERT_NE(said, std::string::npos) << written;
    EXPECT_EQ(written.find("There is no journal", said + 1), std::string::npos) << written;
    EXPECT_LT(said, written.find("first")) << written;
    EXPECT_NE(written.find("second"), std::string::npos) << written;
}

// A journald that does not read holds nobody up: what it did not take waits, and is written when it reads again, in its
// order and in its protocol.
TEST(JournalOutput, waits_for_no_journald_that_hangs) {
    const test::TempDir folder;
    const std::string path = (folder.path() / "socket").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const FileDescriptor journald(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(journald.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);

    OutputSink sink(make_journal_output(path), 0ms);
    for (int i = 0; i < 2000; ++i) {
        TestLine{"line", spdlog::level::err, {{"number", std::to_string(i)}, {"text", "a\nb"}}}.log_to(sink);
    }
    EXPECT_TRUE(sink.is_stalled());
    std::vector<std::string> entries;
    std::array<char, 4096> entry{};
    while (entries.size() < 2000) {
        const auto size = recv(journald.get(), entry.data(), entry.size(), 0);
        if (size >= 0) {
            entries.emplace_back(entry.data(), static_cast<std::size_t>(size));
        } else {
            ASSERT_TRUE(sink.is_stalled());
        }
        sink.flush();
    }
    ASSERT_EQ(entries.size(), 2000U);
    for (int i = 0; i < 2000; ++i) {
        EXPECT_EQ(entries[static_cast<std::size_t>(i)],
                  "MESSAGE=line number=" + std::to_string(i) +
                      " text=a\\x0ab\nPRIORITY=3\nSYSLOG_IDENTIFIER=jiro-client\nJIRO_COMPONENT=test\nJIRO_NUMBER=" +
                      std::to_string(i) + "\nJIRO_TEXT\n" + std::string("\3\0\0\0\0\0\0\0", 8) + "a\nb\n");
    }
    EXPECT_FALSE(sink.is_stalled());
}

}  // namespace
}  // namespace jiro::log
