// SPDX-License-Identifier: MIT
#include "commands/resolution.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jiro::commands {
namespace {

using ::testing::HasSubstr;

class ResolutionTest : public ::testing::Test {
  protected:
    std::string resolved(std::string_view text) {
        const auto found = resolve(text, settings_, *registry_);
        if (!found) return "error: " + found.error().message;
        return found->handler->description().name + '|' + std::string(found->arguments);
    }

    Settings settings_;
    std::shared_ptr<const CommandRegistry> registry_ = make_registry({}, {}).value();
};

// Without a prefix: the first word is the command, with or without `$`.
TEST_F(ResolutionTest, without_a_prefix_every_text_is_a_command) {
    EXPECT_EQ(resolved("ping"), "ping|");
    EXPECT_EQ(resolved("$echo a  \"b\""), "echo|a  \"b\"");
    EXPECT_THAT(resolved("PING"), HasSubstr("error: unknown command"));
    EXPECT_THAT(resolved("hello"), HasSubstr("error: unknown command"));
    settings_.default_command = "echo";
    EXPECT_EQ(resolved("  hello \n you  "), "echo|hello \n you");
}

// With one: a text with it is a command in any case; every other goes to the default as it came.
TEST_F(ResolutionTest, a_prefix_separates_commands_from_texts) {
    settings_.prefix = "$";
    settings_.default_command = "echo";
    const struct {
        std::string_view text;
        std::string_view expected;
    } rows[] = {
        {"$ping", "ping|"},
        {"  $Ping  ", "ping|"},
        {"$ECHO a b", "echo|a b"},
        {"ping", "echo|ping"},
        {"help me with my tax", "echo|help me with my tax"},
        {"say \"a\"\n\n  it's", "echo|say \"a\"\n\n  it's"},
        {" leading and trailing \n", "echo| leading and trailing \n"},
        {"$unknown \"x\n", "echo|$unknown \"x\n"},
        {"$", "echo|$"},
        {"$ ping", "echo|$ ping"},
        {"costs 5 $ping", "echo|costs 5 $ping"},
        {"$$ping", "echo|$$ping"},
    };
    for (const auto& [text, expected] : rows) EXPECT_EQ(resolved(text), expected) << text;
    EXPECT_THAT(resolved("  \n "), HasSubstr("error: the command text is empty"));
    EXPECT_THAT(resolved("$echo \"x"), HasSubstr("error: echo: "));
}

TEST_F(ResolutionTest, a_prefix_without_a_default_says_what_is_missing) {
    settings_.prefix = "$";
    EXPECT_EQ(resolved("$ping"), "ping|");
    EXPECT_THAT(resolved("hello"), HasSubstr("commands begin with \"$\""));
    EXPECT_THAT(resolved("$pign"), HasSubstr("did you mean \"ping\"?"));
}

TEST_F(ResolutionTest, a_prefix_may_be_a_word) {
    settings_.prefix = "/jiro:";
    settings_.default_command = "echo";
    EXPECT_EQ(resolved("/jiro:ping"), "ping|");
    EXPECT_EQ(resolved("/jir:ping"), "echo|/jir:ping");
}

}  // namespace
}  // namespace jiro::commands
