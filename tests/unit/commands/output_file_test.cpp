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

// Of much output its beginning and its end take memory, the whole still counts.
TEST_F(OutputFileTest, is_filled_within_a_limit) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    FileDescriptor printing(ends[1]);
    ProgramStreams::Descriptor pipe(context_, ends[0]);
    boost::asio::co_spawn(context_, fill(pipe, file_, 20'000), boost::asio::detached);
    std::string printed;
    for (int i = 0; i < 200; ++i) {
        const std::string part(4000, static_cast<char>('a' + i % 26));
        ASSERT_EQ(write(printing.get(), part.data(), part.size()), 4000);
        jiro::test::settle(context_);
        printed += part;
    }
    printing = FileDescriptor();
    jiro::test::settle(context_);
    struct stat status {};
    ASSERT_EQ(fstat(file_.get(), &status), 0);
    EXPECT_EQ(status.st_size, 800'000);
    EXPECT_LE(status.st_blocks * 512, 280'000);
    OutputCapture whole(20'000);
    OutputCapture expected(20'000);
    expected.append(printed);
    OutputFollower follower(context_.get_executor(), file_.duplicate(), whole, std::nullopt);
    follower.stop();
    jiro::test::run_task(context_, follower.run(clock_));
    EXPECT_EQ(whole.text(), expected.text());
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
