// SPDX-License-Identifier: MIT
#include "jiro/base/log_tail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/log_capture.hpp"

namespace jiro::log {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TailLine line(std::string text) { return {0, {}, Level::info, "test", std::move(text)}; }

TEST(LogTail, keeps_nothing_until_it_is_told_to) {
    Tail tail;
    tail.add(line("one"));
    EXPECT_THAT(tail.after(0, 10), IsEmpty());
    tail.keep(10'000);
    tail.add(line("two"));
    ASSERT_THAT(tail.after(0, 10), SizeIs(1));
    EXPECT_EQ(tail.after(0, 10)[0].number, 1U);
    tail.keep(0);
    EXPECT_THAT(tail.after(0, 10), IsEmpty());
}

// The oldest give way; the numbers show that some did.
TEST(LogTail, holds_its_bytes) {
    Tail tail;
    tail.keep(50 * line(std::string(100, 'x')).bytes());
    for (int i = 0; i < 1000; ++i) tail.add(line(std::string(100, 'x')));
    const auto lines = tail.after(0, 10'000);
    ASSERT_THAT(lines, SizeIs(::testing::AllOf(::testing::Ge(45U), ::testing::Le(50U))));
    EXPECT_EQ(lines.back().number, 1000U);
    EXPECT_EQ(tail.after(998, 10)[0].number, 999U);
    EXPECT_THAT(tail.after(1000, 10), IsEmpty());
    EXPECT_THAT(tail.after(0, 3), SizeIs(3));
}

// What is kept is what was written: without secrets, without control characters, with its fields.
TEST(LogTail, has_the_lines_of_the_log_scrubbed) {
    const test::LogCapture capture;
    register_secret(Secret("tail-secret-1"), "a file");
    tail().keep(100'000);
    const auto before = tail().newest();
    Logger("tail_test").warn("It came\x1b[2J", {{"why", "with tail-secret-1 in it"}});
    const auto lines = tail().after(before, 10);
    tail().keep(0);
    ASSERT_THAT(lines, SizeIs(1));
    EXPECT_EQ(lines[0].level, Level::warn);
    EXPECT_EQ(lines[0].component, "tail_test");
    EXPECT_THAT(lines[0].text, HasSubstr("It came\\x1b[2J why=\"with *** in it\""));
}

}  // namespace
}  // namespace jiro::log
