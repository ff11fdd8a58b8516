// SPDX-License-Identifier: MIT
#include "config/yaml_reader.hpp"

#include <gtest/gtest.h>

#include <random>

namespace jiro::config {
namespace {

// Keys and values know where they stand, counted from one, in characters.
TEST(YamlReader, keeps_places_duplicates_and_quotes) {
    Problems problems;
    const Node root = read_yaml("a: 1\nb:\n  - \"2\"\n  - ~\na: x\n", "f", problems);
    ASSERT_TRUE(problems.empty());
    ASSERT_EQ(root.members.size(), 3U);
    EXPECT_EQ(root.members[0].value.place.column, 4);
    EXPECT_FALSE(root.members[0].value.quoted);
    const Node& list = root.members[1].value;
    EXPECT_TRUE(list.items.at(0).quoted);
    EXPECT_EQ(list.items.at(0).place.line, 3);
    EXPECT_EQ(list.items.at(1).kind, Node::Kind::null);
    EXPECT_EQ(root.members[2].key, "a");
    EXPECT_EQ(root.members[2].place.line, 5);
}

// A tag asks for a type of some other program, wherever it stands: it is refused, never ignored.
TEST(YamlReader, refuses_tags) {
    for (const char* text : {"a: !!python/object:os.system {}", "a: !!python/object/apply:os.system [x]",
                             "a: !env HOME", "a: !!str x", "a: !x\nb: 1", "!!map {a: 1}", "a: [!t {}]", "!k a: 1"}) {
        Problems problems;
        static_cast<void>(read_yaml(text, "f", problems));
        const auto errors = std::move(problems).sorted("f");
        ASSERT_EQ(errors.size(), 1U) << text;
        EXPECT_EQ(errors[0].message, "tags (!name) are not supported") << text;
        EXPECT_EQ(errors[0].line, 1) << text;
    }
}

// What looks like a space and is none is named, with its place: editors do not show it.
TEST(YamlReader, names_blanks_that_are_no_spaces) {
    for (const auto& [text, what] : {std::pair{"a:\n\tb: 1\n", "a tab"},
                                     {"a:\n  b: 1\n  \tc: 2\n", "a tab"},
                                     {"a:\n \xC2\xA0"
                                      "b: 1\n",
                                      "a no-break space (U+00A0)"}}) {
        Problems problems;
        static_cast<void>(read_yaml(text, "f", problems));
        const auto errors = std::move(problems).sorted("f");
        ASSERT_EQ(errors.size(), 1U) << text;
        EXPECT_TRUE(errors[0].message.starts_with(what)) << errors[0].message;
        EXPECT_GT(errors[0].line, 1);
    }
    Problems none;
    static_cast<void>(read_yaml("{\n\t\"a\": 1\n}\n", "f", none));
    EXPECT_TRUE(none.empty()) << "JSON may be indented by tabs";
}

// A comment without an end is looked for once: what begins behind it has none either. As a file may be large, this
// would take many minutes.
TEST(YamlReader, reads_a_comment_without_an_end_once) {
    std::string text = "{ ";
    while (text.size() < kMaxFileBytes - 3) text += "/* ";
    Problems problems;
    const Node root = read_yaml(text, "f", problems);
    EXPECT_TRUE(root.members.empty());
    const auto errors = std::move(problems).sorted("f");
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(to_string(errors[0]).substr(0, 28), "f:1:3: comments (// or /*) a");
}

// Random pieces of YAML never crash or hang the reader.
TEST(YamlReader, survives_random_text) {
    static constexpr std::string_view kPieces[] = {
        "a",  ": ", "\n", "  ", "- ",    "{",     "}",      "[",  "]", ",",  "\"", "'",  "#", "|",       ">",
        "&a", "*a", "!t", "? ", "---\n", "...\n", "%X 1\n", "\t", "1", "\\", ":",  "\r", "~", "\xC3\xA4"};
    std::mt19937 random(7);
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        const auto length = random() % 40;
        for (std::size_t i = 0; i < length; ++i) text += kPieces[random() % std::size(kPieces)];
        Problems problems;
        const Node root = read_yaml(text, "f", problems);
        EXPECT_EQ(root.kind, Node::Kind::map) << text;
    }
}

}  // namespace
}  // namespace jiro::config
