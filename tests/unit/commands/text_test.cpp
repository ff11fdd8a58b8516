#include "commands/text.hpp"

#include <gtest/gtest.h>

namespace jiro::commands {

// The table follows Unicode 15, table 3-7: overlong forms, surrogates and values beyond U+10FFFF are not UTF-8.
TEST(Text, tells_utf8_from_other_bytes) {
    const struct {
        const char* name;
        std::string_view text;
        bool valid;
    } rows[] = {{"empty", "", true},
                {"ascii", "abc", true},
                {"umlaut", "\xC3\xA4", true},
                {"emoji", "\xF0\x9F\x98\x80", true},
                {"lone continuation", "\x80", false},
                {"cut sequence", "\xE2\x82", false},
                {"overlong slash", "\xC0\xAF", false},
                {"overlong three bytes", "\xE0\x80\x80", false},
                {"surrogate", "\xED\xA0\x80", false},
                {"beyond the last plane", "\xF4\x90\x80\x80", false},
                {"latin 1", "caf\xE9", false}};
    for (const auto& row : rows) EXPECT_EQ(is_valid_utf8(row.text), row.valid) << row.name;
}

// A cut never leaves half a character at its edge.
TEST(Text, cuts_between_characters) {
    const std::string text = "aä€😀";  // 1 + 2 + 3 + 4 bytes
    for (std::size_t limit = 0; limit <= text.size(); ++limit) {
        EXPECT_TRUE(is_valid_utf8(utf8_head(text, limit))) << limit;
        EXPECT_LE(utf8_head(text, limit).size(), limit);
        EXPECT_TRUE(is_valid_utf8(utf8_tail(text, limit))) << limit;
        EXPECT_LE(utf8_tail(text, limit).size(), limit);
    }
    EXPECT_EQ(utf8_head(text, 100), text);
    EXPECT_EQ(utf8_tail(text, 4), "😀");
}

// What comes from outside cannot break a line or move a cursor.
TEST(Text, escapes_control_characters) {
    EXPECT_EQ(escaped("a\nb\x1b[2J"), "a\\nb\\x1b[2J");
    EXPECT_EQ(escaped("abcdef", 3), "abc...");
    EXPECT_EQ(escaped("\xFF"), "\xEF\xBF\xBD");
}

// RFC 4648, section 10.
TEST(Text, encodes_base64) {
    EXPECT_EQ(to_base64(""), "");
    EXPECT_EQ(to_base64("f"), "Zg==");
    EXPECT_EQ(to_base64("fo"), "Zm8=");
    EXPECT_EQ(to_base64("foo"), "Zm9v");
    EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
    EXPECT_TRUE(is_base64("Zm9v\nYmFy\n"));
    EXPECT_FALSE(is_base64("Zm9vY"));
    EXPECT_FALSE(is_base64("Zm=v"));
    EXPECT_FALSE(is_base64("Zm9v!"));
}

}  // namespace jiro::commands
