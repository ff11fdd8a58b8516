// SPDX-License-Identifier: MIT
#include "daemon/cli/terminal_screen.hpp"

#include <gtest/gtest.h>

namespace jiro::daemon::cli {
namespace {

// What is drawn never scrolls the terminal: no more lines and no longer ones than it has.
TEST(TerminalScreen, fits) {
    EXPECT_EQ(fit("", 80, 24), "");
    EXPECT_EQ(fit("one\ntwo\n", 80, 24), "one\033[K\r\ntwo\033[K");
    EXPECT_EQ(fit("one\n\nthree", 80, 24), "one\033[K\r\n\033[K\r\nthree\033[K");
    EXPECT_EQ(fit("one\ntwo\nthree", 80, 2), "one\033[K\r\ntwo\033[K");
    EXPECT_EQ(fit("abcdef\nx", 3, 24), "abc\033[K\r\nx\033[K");
    EXPECT_EQ(fit("one", 80, 0), "");
}

// Characters count, not bytes, and none is cut in two.
TEST(TerminalScreen, cuts_between_characters) {
    EXPECT_EQ(fit("\xC3\xA4\xC3\xB6\xC3\xBC", 2, 1), "\xC3\xA4\xC3\xB6\033[K");
    EXPECT_EQ(fit("a\xE2\x82\xAC"
                  "b",
                  2, 1),
              "a\xE2\x82\xAC\033[K");
    EXPECT_EQ(fit("\xF0\x9F\x98\x80", 1, 1), "\xF0\x9F\x98\x80\033[K");
}

}  // namespace
}  // namespace jiro::daemon::cli
