#include "commands/text.hpp"

#include <gtest/gtest.h>

namespace jiro::commands {

// What comes from outside cannot break a line or move a cursor.
TEST(Text, escapes_control_characters) {
    EXPECT_EQ(escaped("a\nb\x1b[2J"), "a\\nb\\x1b[2J");
    EXPECT_EQ(escaped("abcdef", 3), "abc...");
    EXPECT_EQ(escaped("\xFF"), "\xEF\xBF\xBD");
}

TEST(Text, recognises_base64) {
    EXPECT_TRUE(is_base64("Zm9v\nYmFy\n"));
    EXPECT_FALSE(is_base64("Zm9vY"));
    EXPECT_FALSE(is_base64("Zm=v"));
    EXPECT_FALSE(is_base64("Zm9v!"));
}

}  // namespace jiro::commands
