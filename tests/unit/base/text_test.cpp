// SPDX-License-Identifier: MIT
#include "jiro/base/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "jiro/base/peer_text.hpp"

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

// A word at a time, and the end of a text once more with the word before it: wherever the first other character stands.
TEST(Text, plain_length_ends_at_the_first_character_that_is_not) {
    const auto length = [](std::string_view text) { return plain_length<0x21, '"', '~'>(text); };
    for (std::size_t size = 0; size < 80; ++size) {
        const std::string plain(size, '!');
        EXPECT_EQ(length(plain), size);
        for (const char other : {' ', '\0', '\x1F', '"', '~', '\x80', '\xFF'}) {
            for (std::size_t at = 0; at < size; ++at) {
                std::string text = plain;
                text[at] = other;
                if (at + 2 < size) text[at + 2] = other;
                EXPECT_EQ(length(text), at) << int{other} << " in " << size;
            }
        }
        for (const char near : {'#', '}', '\x7F'}) EXPECT_EQ(length(std::string(size, near)), size) << near;
    }
    EXPECT_EQ(plain_length<0>("any ASCII\x7F\x01, but not \xC3\xA9"), 21U);
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
    EXPECT_EQ(for_people(std::chrono::seconds(75)), "1 min 15 s");
    EXPECT_EQ(for_people(std::chrono::hours(25)), "1 d 1 h");
    EXPECT_EQ(for_people(std::chrono::seconds(-5)), "0 s");
    EXPECT_EQ(for_people(std::chrono::hours(3) + std::chrono::minutes(5)), "3 h 5 min");
}

// A moment has one form for machines, whatever the time zone.
TEST(Text, says_times) {
    EXPECT_EQ(utc_text(std::chrono::system_clock::from_time_t(784111777)), "1994-11-06T08:49:37Z");
    EXPECT_EQ(utc_text(std::chrono::system_clock::time_point()), "1970-01-01T00:00:00Z");
    const auto second = std::chrono::system_clock::from_time_t(784111777);
    EXPECT_EQ(utc_text_ms(second), "1994-11-06T08:49:37.000Z");
    EXPECT_EQ(utc_text_ms(second + std::chrono::milliseconds(42)), "1994-11-06T08:49:37.042Z");
    EXPECT_EQ(utc_text_ms(second - std::chrono::milliseconds(1)), "1994-11-06T08:49:36.999Z");
    EXPECT_EQ(utc_text_ms(std::chrono::system_clock::time_point()), "1970-01-01T00:00:00.000Z");
}

// A number is the whole text, and fits the type.
TEST(Text, parses_numbers) {
    EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
    EXPECT_EQ(parse_number<int>("-3"), -3);
    EXPECT_EQ(parse_number<double>("0.5"), 0.5);
    for (const char* none : {"", " 1", "1 ", "0x1", "65536", "-1", "1.5"}) {
        EXPECT_FALSE(parse_number<std::uint16_t>(none)) << none;
    }
}

TEST(Text, trimmed_takes_white_space_off_both_ends) {
    EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
    EXPECT_EQ(trimmed(" \n"), "");
}

// Never longer than its limit, also where that leaves no room for the mark.
TEST(PeerText, is_shortened) {
    EXPECT_EQ(shortened("abcdef", 6), "abcdef");
    EXPECT_EQ(shortened("abcdef", 5), "ab...");
    EXPECT_EQ(shortened("abcdef", 3), "...");
    EXPECT_EQ(shortened("abcdef", 2), "");
}

// What comes from outside cannot break a message's line, and is cut between two characters.
TEST(Text, excerpt_is_short_and_on_one_line) {
    EXPECT_EQ(excerpt("a\nb\x1b[2J\t"), "a\\nb\\x1b[2J\\t");
    EXPECT_EQ(excerpt("abcdef", 3), "abc...");
    EXPECT_EQ(excerpt("ab\xC3\xA9", 3), "ab...");
    EXPECT_EQ(excerpt("\xFF"), "\xEF\xBF\xBD");
}

// A text of many lines keeps them, and nothing else that a terminal would obey.
TEST(Text, escaped_lines_keep_line_breaks_and_tabs) {
    EXPECT_EQ(escaped_lines("a\n\tb\r\x1b\n"), "a\n\tb\\x0d\\x1b\n");
    EXPECT_EQ(escaped_lines(""), "");
}

// A slip of the finger is recognised; another word is not.
TEST(Text, nearest_word_is_what_was_meant) {
    constexpr std::string_view kWords[] = {"HubUrl", "Headers", "Proxy", "Tls", "restart-service"};
    struct Row {
        std::string_view word;
        std::string_view nearest;
    };
    const Row rows[] = {{"huburl", "HubUrl"},
                        {"HubUlr", "HubUrl"},
                        {"Header", "Headers"},
                        {"Poxy", "Proxy"},
                        {"TLS1", "Tls"},
                        {"restart", "restart-service"},
                        {"Nonsense", ""},
                        {"", ""},
                        {"x", ""}};
    for (const Row& row : rows) EXPECT_EQ(nearest_word(row.word, kWords), row.nearest) << row.word;
    EXPECT_EQ(nearest_word(std::string(1'000'000, 'x'), kWords), "");
}

// A block says what a plain loop says, for every byte at every place.
TEST(Text, blocks_are_told_as_by_a_plain_loop) {
    const auto is_stop = [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == '"' || c == '\\'; };
    for (const char filler : {'x', '!', '\x7F', '\x80', '\xFF'}) {
        for (int byte = 0; byte < 256; ++byte) {
            for (std::size_t at = 0; at < kTextBlock; ++at) {
                std::string word(kTextBlock, filler);
                word[at] = static_cast<char>(byte);
                const bool is_without = std::none_of(word.begin(), word.end(), is_stop);
                EXPECT_EQ((is_block_without<'"', '\\'>(word.data(), 0x21)), is_without) << byte << " at " << at;
            }
        }
    }
}

}  // namespace
}  // namespace jiro
