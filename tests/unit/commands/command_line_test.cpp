// SPDX-License-Identifier: MIT
#include "commands/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jiro/commands/errors.hpp"

namespace jiro::commands {

using ::testing::ElementsAreArray;

// The name is the first word; a leading `$` does not belong to it.
TEST(CommandLine, splits_the_name_off) {
    const struct {
        const char* text;
        const char* name;
        const char* arguments;
    } rows[] = {{"help", "help", ""},
                {"$help me", "help", "me"},
                {"  disk   /var  ", "disk", "/var"},
                {"echo\ta\nb", "echo", "a\nb"},
                {"", "", ""},
                {" \n ", "", ""},
                {"$", "", ""},
                {"$$x", "$x", ""}};
    for (const auto& row : rows) {
        const auto line = split_name(row.text);
        EXPECT_EQ(line.name, row.name) << row.text;
        EXPECT_EQ(line.arguments, row.arguments) << row.text;
    }
}

// Quotes group, backslashes protect, and nothing at all is expanded.
TEST(CommandLine, splits_words) {
    const struct {
        const char* text;
        std::vector<std::string> words;
    } rows[] = {{"", {}},
                {"a b  c", {"a", "b", "c"}},
                {"'a b' c", {"a b", "c"}},
                {"\"a b\"c", {"a bc"}},
                {"a''b", {"ab"}},
                {"'' \"\"", {"", ""}},
                {R"(a\ b)", {"a b"}},
                {R"("say \"hi\" \\ \n")", {R"(say "hi" \ \n)"}},
                {R"('no \escape')", {R"(no \escape)"}},
                {"$(id) `id` ; * > x", {"$(id)", "`id`", ";", "*", ">", "x"}},
                {"a\r\nb", {"a", "b"}},
                {"\xC3\xA4\xC2\xA0x", {"\xC3\xA4\xC2\xA0x"}}};
    for (const auto& row : rows) {
        const auto words = split_words(row.text);
        ASSERT_TRUE(words.has_value()) << row.text;
        EXPECT_THAT(*words, ElementsAreArray(row.words)) << row.text;
    }
}

// A word that is written into a text comes back as it was.
TEST(CommandLine, quotes_words) {
    EXPECT_EQ(quoted_word("plain-1"), "plain-1");
    for (const std::string word : {"", "a b", "tab\t", "'", "\"", "\\", "a\\\"b' c\n", "\\'"}) {
        EXPECT_EQ(split_words("x " + quoted_word(word) + " y").value(), (std::vector<std::string>{"x", word, "y"}));
    }
}

// What cannot be read as words is named, with the place of the quote.
TEST(CommandLine, names_what_is_wrong) {
    EXPECT_EQ(split_words("a 'b").error().code, errc::unclosed_quote);
    EXPECT_THAT(split_words("a 'b").error().message, ::testing::HasSubstr("character 3"));
    EXPECT_EQ(split_words("\"a\\\"").error().code, errc::unclosed_quote);
    EXPECT_EQ(split_words("a\\").error().code, errc::dangling_escape);
}

}  // namespace jiro::commands
