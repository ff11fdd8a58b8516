// SPDX-License-Identifier: MIT
#include "commands/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>

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

// Eight characters at once say what a plain loop says, for every byte at every place.
TEST(Text, words_are_told_as_by_a_plain_loop) {
    const auto is_stop = [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == '"' || c == '\\'; };
    for (const char filler : {'x', '!', '\x7F', '\x80', '\xFF'}) {
        for (int byte = 0; byte < 256; ++byte) {
            for (std::size_t at = 0; at < kTextWord; ++at) {
                std::string word(kTextWord, filler);
                word[at] = static_cast<char>(byte);
                const bool is_without = std::none_of(word.begin(), word.end(), is_stop);
                EXPECT_EQ((is_word_without<'"', '\\'>(word.data(), 0x21)), is_without) << byte << " at " << at;
            }
        }
    }
}

}  // namespace jiro::commands
