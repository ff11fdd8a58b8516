// SPDX-License-Identifier: MIT
#include "commands/exec/output_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro::commands {
namespace {

using namespace std::chrono_literals;

class OutputFileTest : public ::testing::Test {
  protected:
    void print(std::string_view text) {
        ASSERT_EQ(write(file_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void follow(std::optional<SecretMask> mask = std::nullopt) {
        follower_.emplace(context_.get_executor(), file_.duplicate(), capture_, std::move(mask));
        boost::asio::co_spawn(context_, follower_->run(clock_), boost::asio::detached);
        jiro::test::settle(context_);
    }
    void pass(Duration time) {
        clock_.advance(time);
        jiro::test::settle(context_);
    }
    std::string all() {
        follower_->stop();
        jiro::test::settle(context_);
        return capture_.text();
    }

    std::string fill_with(std::string_view unit);
    OutputCapture read_with(std::size_t limit, std::optional<SecretMask> mask = std::nullopt);

    boost::asio::io_context context_;
    jiro::test::ManualClock clock_;
    FileDescriptor file_ = make_output_file("/bin/program").value();
    OutputCapture capture_{1000};
    std::optional<OutputFollower> follower_;
};

TEST_F(OutputFileTest, is_followed_while_it_grows_and_read_to_its_end) {
    print("one ");
    follow();
    EXPECT_EQ(capture_.text(), "one ");
    print("two ");
    pass(1s);
    EXPECT_EQ(capture_.text(), "one two ");
    print("three");
    EXPECT_EQ(all(), "one two three");
}

TEST_F(OutputFileTest, is_read_from_its_beginning_by_whoever_comes_later) {
    print("one ");
    follow();
    print("two");
    OutputCapture other(1000);
    OutputFollower later(context_.get_executor(), file_.duplicate(), other, std::nullopt);
    later.stop();
    jiro::test::run_task(context_, later.run(clock_));
    EXPECT_EQ(other.text(), "one two");
    EXPECT_EQ(all(), "one two");
}

TEST_F(OutputFileTest, is_masked) {
    follow(SecretMask({"hidden-value"}));
    print("is hidden-");
    pass(1s);
    print("value!");
    EXPECT_EQ(all(), "is ***!");
}

// A program of the unit's user could reach it: it is read in no time, and without a crash.
TEST_F(OutputFileTest, is_not_believed) {
    print("begin");
    follow();
    ASSERT_EQ(ftruncate(file_.get(), 1), 0);
    pass(1s);
    EXPECT_EQ(capture_.text(), "begin");
    ASSERT_EQ(ftruncate(file_.get(), std::int64_t{1} << 60), 0);
    pass(1s);
    EXPECT_EQ(capture_.total_bytes(), std::uint64_t{1} << 60);
    EXPECT_LE(capture_.kept_bytes(), 2000U);
    EXPECT_TRUE(all().starts_with("begin"));
}

// Prints 800,000 bytes into the file, of which 20,000 of the beginning and of the end are to be kept.
std::string OutputFileTest::fill_with(std::string_view unit) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    FileDescriptor printing(ends[1]);
    ProgramStreams::Descriptor pipe(context_, ends[0]);
    boost::asio::co_spawn(context_, fill(pipe, file_, 20'000), boost::asio::detached);
    std::string printed;
    while (printed.size() < 800'000) printed += unit;
    printed.resize(800'000);
    for (std::size_t at = 0; at < printed.size(); at += 4000) {
        EXPECT_EQ(write(printing.get(), &printed[at], 4000), 4000);
        jiro::test::settle(context_);
    }
    printing = FileDescriptor();
    jiro::test::settle(context_);
    return printed;
}

OutputCapture OutputFileTest::read_with(std::size_t limit, std::optional<SecretMask> mask) {
    OutputCapture capture(limit);
    OutputFollower follower(context_.get_executor(), file_.duplicate(), capture, std::move(mask));
    follower.stop();
    jiro::test::run_task(context_, follower.run(clock_));
    return capture;
}

// Of much output its beginning and its end take memory, the whole still counts.
TEST_F(OutputFileTest, is_filled_within_a_limit) {
    const auto printed = fill_with("abcdefg");
    struct stat status {};
    ASSERT_EQ(fstat(file_.get(), &status), 0);
    EXPECT_EQ(status.st_size, 800'000);
    EXPECT_LE(status.st_blocks * 512, 280'000);
    OutputCapture expected(20'000);
    expected.append(printed);
    EXPECT_EQ(read_with(20'000).text(), expected.text());
}

// A hole is no output, also for a reader who would keep more than there is.
TEST_F(OutputFileTest, has_a_gap_where_nothing_was_kept) {
    const auto printed = fill_with("abcdefg");
    const auto capture = read_with(2'000'000);
    EXPECT_EQ(capture.total_bytes(), 800'000U);
    EXPECT_TRUE(capture.is_cut());
    EXPECT_LT(capture.kept_bytes(), 300'000U);
    const auto text = capture.text();
    EXPECT_EQ(text.find('\0'), std::string::npos);
    EXPECT_TRUE(text.starts_with(printed.substr(0, 20'000)));
    EXPECT_TRUE(text.ends_with(printed.substr(780'000)));
}

// A secret that begins in a hole shows nothing of its end, with and without lines.
TEST_F(OutputFileTest, is_masked_behind_a_gap) {
    std::string secret;
    for (int i = 1000; i < 1200; ++i) secret += std::to_string(i);
    for (const auto* end : {"", "\n"}) {
        file_ = make_output_file("/bin/program").value();
        fill_with(secret + end);
        for (const std::size_t limit : {500, 20'000, 2'000'000}) {
            const auto text = read_with(limit, SecretMask({secret})).text();
            for (std::size_t at = 0; at + 8 <= secret.size(); at += 4) {
                EXPECT_EQ(text.find(secret.substr(at, 8)), std::string::npos) << limit << text.substr(0, 200);
            }
        }
    }
}

TEST(InputFile, is_read_from_its_beginning) {
    const auto file = make_input_file("fed", "/bin/program").value();
    EXPECT_TRUE(is_output_file(file));
    std::array<char, 8> buffer;
    EXPECT_EQ(read(file.get(), buffer.data(), buffer.size()), 3);
    EXPECT_FALSE(is_output_file(FileDescriptor(open("/dev/null", O_WRONLY | O_CLOEXEC))));
}

}  // namespace
}  // namespace jiro::commands
