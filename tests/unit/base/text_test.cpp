// SPDX-License-Identifier: MIT
#include "jiro/base/text.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace jiro {
namespace {

TEST(Text, lower_case_changes_ascii_letters_only) {
    EXPECT_EQ(lower_case("Content-TYPE_09"), "content-type_09");
    EXPECT_EQ(lower_case("\xC3\x84\xFF"), "\xC3\x84\xFF") << "bytes of other letters are left alone in every locale";
}

TEST(Text, equal_ignoring_case_looks_at_ascii_letters_only) {
    EXPECT_TRUE(equal_ignoring_case("Retry-After", "retry-AFTER"));
    EXPECT_FALSE(equal_ignoring_case("retry", "retry-after"));
    EXPECT_FALSE(equal_ignoring_case("@", "`")) << "they differ by the same bit as letters do";
}

TEST(Text, join_with_commas_separates_and_keeps_empty_items) {
    EXPECT_EQ(join_with_commas({}), "");
    EXPECT_EQ(join_with_commas({"one"}), "one");
    EXPECT_EQ(join_with_commas({"one", "", "three"}), "one, , three");
}

// Nothing from outside moves the cursor, ends the line or reorders it; readable text stays as it is.
TEST(Text, escapes_what_could_harm_a_terminal) {
    struct Row {
        std::string_view name, text, escaped;
    };
    const Row rows[] = {
        {"plain", "Grüße, 日本 🎉", "Grüße, 日本 🎉"},
        {"line break", "a\r\nb", "a\\x0d\\x0ab"},
        {"colour", "\x1b[31mred", "\\x1b[31mred"},
        {"NUL and DEL", {"a\0b\x7f", 4}, "a\\x00b\\x7f"},
        {"C1 control", "\xC2\x9B", "\\xc2\\x9b"},
        {"right-to-left override", "\xE2\x80\xAE", "\\xe2\\x80\\xae"},
        {"line separator", "\xE2\x80\xA8", "\\xe2\\x80\\xa8"},
        {"stray byte", "a\xFF", "a\\xff"},
        {"cut off", "\xE2\x82", "\\xe2\\x82"},
        {"overlong", "\xC0\xAF\xE0\x80\xAF", "\\xc0\\xaf\\xe0\\x80\\xaf"},
        {"surrogate", "\xED\xA0\x80", "\\xed\\xa0\\x80"},
        {"beyond Unicode", "\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(escaped(row.text), row.escaped);
    }
}

// Durations are for people.
TEST(Text, says_durations) {
    EXPECT_EQ(for_people(std::chrono::seconds(40)), "40 s");
    EXPECT_EQ(for_people(std::chrono::minutes(12)), "12 min");
    EXPECT_EQ(for_people(std::chrono::hours(3) + std::chrono::minutes(5)), "3 h 5 min");
}

}  // namespace
}  // namespace jiro
