// SPDX-License-Identifier: MIT
#include "daemon/audit_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>

#include "support/log_capture.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::string content_of(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

// The file is made for its owner and group, and grows.
TEST(AppendToFile, makes_it_and_appends) {
    const test::TempDir dir;
    const auto file = dir.path() / "audit";
    const auto umask_before = umask(0);
    EXPECT_TRUE(append_to_file(file, "a\n", 100));
    umask(umask_before);
    EXPECT_TRUE(append_to_file(file, "b\n", 100));
    EXPECT_EQ(content_of(file), "a\nb\n");
    EXPECT_EQ(fs::status(file).permissions(), static_cast<fs::perms>(0640));
}

// At its largest it is moved away, once: two files at most.
TEST(AppendToFile, is_bounded) {
    const test::TempDir dir;
    const auto file = dir.path() / "audit";
    for (const char* line : {"1111\n", "2222\n", "3333\n", "4444\n", "5555\n"})
        EXPECT_TRUE(append_to_file(file, line, 10));
    EXPECT_EQ(content_of(file), "5555\n");
    EXPECT_EQ(content_of(file.string() + ".1"), "3333\n4444\n");
    EXPECT_TRUE(append_to_file(file, "longer than all of it\n", 10));
    EXPECT_EQ(content_of(file), "longer than all of it\n");
}

// What is no file of its own is not written to.
TEST(AppendToFile, follows_no_link_and_waits_for_no_pipe) {
    const test::TempDir dir;
    const auto file = dir.path() / "audit";
    fs::create_symlink(dir.path() / "elsewhere", file);
    EXPECT_FALSE(append_to_file(file, "a\n", 100));
    EXPECT_FALSE(fs::exists(dir.path() / "elsewhere"));
    fs::remove(file);
    ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
    EXPECT_FALSE(append_to_file(file, "a\n", 100));
    EXPECT_FALSE(append_to_file(dir.path() / "missing" / "audit", "a\n", 100));
}

// No half line stays behind when the disk takes only a part.
TEST(AppendToFile, writes_all_or_nothing) {
    const test::TempDir dir;
    const auto file = dir.path() / "audit";
    EXPECT_TRUE(append_to_file(file, "first\n", 1000));
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{10, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const auto written = append_to_file(file, "too much for this disk\n", 1000);
    setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_FALSE(written);
    EXPECT_EQ(content_of(file), "first\n");
}

class AuditFileTest : public ::testing::Test {
  protected:
    // Until everything is written, or for so long; then what is left goes.
    bool run_for(std::chrono::milliseconds time) {
        bool is_written = false;
        run_beside([&] { is_written = test::run_task(context_, file_.flush(clock_.now() + time)); });
        return is_written;
    }

    void run_until_it_fails() {
        const test::LogCapture logs;
        run_beside([&] {
            while (!logs.contains("The audit file cannot be written")) context_.run_one();
        });
    }

    template <typename Function>
    void run_beside(const Function& function) {
        boost::asio::cancellation_signal stop;
        boost::asio::co_spawn(context_, file_.run(),
                              boost::asio::bind_cancellation_slot(stop.slot(), [](const std::exception_ptr&) {}));
        context_.restart();
        function();
        stop.emit(boost::asio::cancellation_type::terminal);
        test::settle(context_);
    }

    test::TempDir dir_;
    fs::path path_ = dir_.path() / "audit";
    boost::asio::io_context context_;
    SystemClock clock_;
    std::vector<std::string> left_;
    AuditFile file_{context_.get_executor(), clock_, [this](std::string_view line) { left_.emplace_back(line); }};
};

// Lines that the file does not take wait for it; those of which there is no room are counted in it.
TEST_F(AuditFileTest, keeps_what_cannot_be_written_and_counts_what_is_lost) {
    fs::create_directory(path_);
    file_.use(path_);
    const std::string line = std::string(1024 * 1024 - 1, 'x') + '\n';
    for (int i = 0; i < 7; ++i) file_.add(line);
    run_until_it_fails();
    fs::remove(path_);
    EXPECT_TRUE(run_for(20s));

    const auto text = content_of(path_);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
    EXPECT_NE(text.find("{\"lost_events\":3}\n"), std::string::npos);
}

// After the switch nothing goes to the old file, and what waited goes to the new one.
TEST_F(AuditFileTest, takes_another_file) {
    file_.use(dir_.path() / "missing" / "audit");
    file_.add("a\n");
    run_until_it_fails();
    file_.use(path_);
    file_.add("b\n");
    EXPECT_TRUE(run_for(20s));
    EXPECT_EQ(content_of(path_), "a\nb\n");
    file_.use({});
    file_.add("c\n");
    EXPECT_TRUE(run_for(20s));
    EXPECT_EQ(content_of(path_), "a\nb\n");
}

// A disk that hangs is named, and keeps nothing from the file that a reload names; back on it, what hangs there still
// is not taken for what is to be written now.
TEST(AuditFileOfADisk, that_hangs_holds_up_no_other) {
    struct Written {
        std::mutex mutex;
        std::map<std::string, std::string> texts;
        std::promise<void> goes_on;
        std::shared_future<void> hanging = goes_on.get_future().share();

        std::string of(const std::string& path) {
            const std::lock_guard lock(mutex);
            return texts[path];
        }
    };
    const auto written = std::make_shared<Written>();
    const AuditFile::Append append = [written](const std::string& path, std::string_view text, auto) -> Result<> {
        if (path == "/hanging") written->hanging.wait();
        const std::lock_guard lock(written->mutex);
        written->texts[path] += text;
        return {};
    };
    boost::asio::io_context context;
    test::ManualClock clock;
    AuditFile file(
        context.get_executor(), clock, [](std::string_view) {}, append);
    boost::asio::cancellation_signal stop;
    boost::asio::co_spawn(context, file.run(),
                          boost::asio::bind_cancellation_slot(stop.slot(), [](const std::exception_ptr&) {}));
    const test::LogCapture logs;
    const auto until = [&](const auto& condition) {
        for (int round = 0; round < 100'000 && !condition(); ++round) {
            clock.advance(50ms);
            test::settle(context);
            std::this_thread::yield();
        }
        ASSERT_TRUE(condition());
    };

    file.use("/hanging");
    file.add("a\n");
    until([&] { return logs.contains("The audit file cannot be written"); });
    EXPECT_EQ(logs.field("The audit file cannot be written", "file"), "/hanging");
    EXPECT_EQ(logs.field("The audit file cannot be written", "reason"), "its disk does not answer");

    file.use("/healthy");
    file.add("b\n");
    until([&] { return written->of("/healthy") == "a\nb\n"; });
    test::settle(context);

    file.use("/hanging");
    file.add("c\n");
    test::settle(context);
    written->goes_on.set_value();
    EXPECT_TRUE(test::run_task(context, file.flush(clock.now() + 1h)));
    EXPECT_THAT(written->of("/hanging"), ::testing::HasSubstr("c\n"));
    stop.emit(boost::asio::cancellation_type::terminal);
    test::settle(context);
}

// Without a file any more, or without time, what waits goes to whoever takes it in place of the file, the oldest first:
// so many lines, and the number of the rest.
TEST_F(AuditFileTest, hands_over_what_is_left) {
    fs::create_directory(path_);
    file_.use(path_);
    file_.add("a\n");
    run_until_it_fails();
    const test::LogCapture logs;
    file_.add("b\n");
    EXPECT_FALSE(run_for(20ms));
    EXPECT_EQ(left_, (std::vector<std::string>{"a", "b"}));
    EXPECT_FALSE(logs.contains("events are lost"));

    file_.add("c\n");
    file_.use({});
    EXPECT_EQ(left_.back(), "c");
    file_.use(path_);
    for (std::size_t i = 0; i < AuditFile::kMostLeft + 7; ++i) file_.add("d\n");
    file_.use({});
    EXPECT_EQ(left_.size(), 3 + AuditFile::kMostLeft);
    EXPECT_EQ(logs.field("events are lost", "count"), "7");
}

}  // namespace
}  // namespace jiro::daemon
