// SPDX-License-Identifier: MIT
#include "jiro/base/utf8.hpp"

#include <gtest/gtest.h>

namespace jiro {
namespace {

// The table follows Unicode 15, table 3-7: overlong forms, surrogates and values beyond U+10FFFF are not UTF-8.
struct Row {
    const char* name;
    std::string_view text;
    bool valid;
    std::string_view repaired;
};

const Row kRows[] = {{"empty", "", true, ""},
                     {"ascii", "abc", true, "abc"},
                     {"umlaut", "\xC3\xA4", true, "\xC3\xA4"},
                     {"emoji", "\xF0\x9F\x98\x80", true, "\xF0\x9F\x98\x80"},
                     {"last code point", "\xF4\x8F\xBF\xBF", true, "\xF4\x8F\xBF\xBF"},
                     {"lone continuation", "a\x80z", false, "a\xEF\xBF\xBDz"},
                     {"cut sequence", "a\xE2\x82", false, "a\xEF\xBF\xBD"},
                     {"cut sequence, then text", "\xE2\x82z", false, "\xEF\xBF\xBDz"},
                     {"lead at the end", "a\xF0", false, "a\xEF\xBF\xBD"},
                     {"overlong slash", "\xC0\xAF", false, "\xEF\xBF\xBD"},
                     {"overlong three bytes", "\xE0\x80\x80", false, "\xEF\xBF\xBD"},
                     {"surrogate", "\xED\xA0\x80", false, "\xEF\xBF\xBD"},
                     {"beyond the last plane", "\xF4\x90\x80\x80", false, "\xEF\xBF\xBD"},
                     {"never in UTF-8", "\xFF\xFE", false, "\xEF\xBF\xBD\xEF\xBF\xBD"},
                     {"latin 1", "caf\xE9", false, "caf\xEF\xBF\xBD"}};

TEST(Utf8, is_told_from_other_bytes) {
    for (const auto& row : kRows) EXPECT_EQ(is_utf8(row.text), row.valid) << row.name;
}

TEST(Utf8, replaces_what_is_broken_and_nothing_else) {
    for (const auto& row : kRows) {
        EXPECT_EQ(to_utf8(row.text), row.repaired) << row.name;
        EXPECT_TRUE(is_utf8(to_utf8(row.text))) << row.name;
    }
}

// Wherever it stands in a long text, and whatever is around it.
TEST(Utf8, sees_the_same_at_every_place_of_a_long_text) {
    for (const auto& row : kRows) {
        for (std::size_t before = 0; before < 70; ++before) {
            const std::string text = std::string(before, 'a') + std::string(row.text) + std::string(40, 'z');
            EXPECT_EQ(is_utf8(text), row.valid) << row.name << " after " << before;
        }
    }
}

// A cut never leaves half a character at its edge.
TEST(Utf8, is_cut_between_characters) {
    const std::string text = "aä€😀";  // 1 + 2 + 3 + 4 bytes
    for (std::size_t limit = 0; limit <= text.size(); ++limit) {
        EXPECT_TRUE(is_utf8(utf8_head(text, limit))) << limit;
        EXPECT_LE(utf8_head(text, limit).size(), limit);
        EXPECT_TRUE(is_utf8(utf8_tail(text, limit))) << limit;
        EXPECT_LE(utf8_tail(text, limit).size(), limit);
    }
    EXPECT_EQ(utf8_head(text, 100), text);
    EXPECT_EQ(utf8_tail(text, 4), "😀");
}

// What may become a character when more comes stays out; what cannot any more stays.
TEST(Utf8, leaves_half_a_character_out) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"", ""},
        {"a", "a"},
        {"\xC3", ""},
        {"a\xC3", "a"},
        {"a\xC3\xA9", "a\xC3\xA9"},
        {"\xFF\xE2\x82", "\xFF"},
        {"\xE2\x82\xAC", "\xE2\x82\xAC"},
        {"\xF0\x9F\x98", ""},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\xE9x", "\xE9x"},
        {"\xC1", "\xC1"},
        {"\xF5", "\xF5"},
        {"\xC3\xA9\xA9", "\xC3\xA9\xA9"},
        {"\x80\x80\x80\x80", "\x80\x80\x80\x80"},
    };
    for (const auto& [text, whole] : rows) EXPECT_EQ(without_half_character(text), whole);
}

// What is not UTF-8 has no characters to keep whole, and must not vanish.
TEST(Utf8, cuts_other_bytes_at_the_limit) {
    const std::string bytes(20, '\x80');
    EXPECT_EQ(utf8_head(bytes, 10).size(), 10U);
    EXPECT_EQ(utf8_tail(bytes, 10).size(), 10U);
}

}  // namespace
}  // namespace jiro
