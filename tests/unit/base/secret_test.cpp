// SPDX-License-Identifier: MIT
#include "jiro/base/secret.hpp"

#include <gtest/gtest.h>

#include "support/spellings.hpp"

#include <ostream>
#include <type_traits>

namespace jiro {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};

static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);

// A secret that was moved from is empty; copies are independent.
TEST(Secret, moves_and_copies) {
    Secret first("hunter22");
    Secret copy = first;
    const Secret moved = std::move(first);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the promise
    EXPECT_EQ(moved, copy);

    copy = Secret("other");
    EXPECT_EQ(moved.reveal(), "hunter22");
    const Secret& itself = copy;
    copy = itself;
    EXPECT_EQ(copy.reveal(), "other");
}

// A short text lies in the object itself, where a move would leave it.
TEST(Secret, leaves_nothing_in_what_it_was_moved_from) {
    for (const std::string text : {"short", "exactly-15-char", "a secret that is longer than what an object holds"}) {
        Secret first(text);
        const Secret moved = std::move(first);
        Secret assigned;
        Secret second(text);
        assigned = std::move(second);
        for (const Secret* secret : {&first, &second}) {  // NOLINT(bugprone-use-after-move): that is the promise
            const auto* bytes = reinterpret_cast<const char*>(secret);
            const std::string object(bytes, sizeof *secret);
            EXPECT_EQ(object.find(text.substr(0, 5)), std::string::npos) << text;
        }
        EXPECT_EQ(assigned.reveal(), text);
    }
}

// Whatever their order is: one that begins with another is hidden whole.
TEST(Secret, is_hidden_whole_where_another_is_its_beginning) {
    const Secret token("token-4711");
    const Secret key("token-4711-and-more");
    for (const auto& secrets : {std::vector{token, key}, std::vector{key, token}}) {
        EXPECT_EQ(jiro::redacted("bad token-4711-and-more, token-4711, e", secrets), "bad ***, ***, e");
    }
    EXPECT_EQ(jiro::redacted("here", {Secret("e"), Secret("")}), "here");
}

// What stands behind a secret's name ends at a separator; a known one does not.
TEST(Secret, is_hidden_whole_where_it_holds_a_separator) {
    for (const char separator : std::string_view("& \"'#;,)<>\t")) {
        const std::string key = std::string("abcd1234") + separator + "tail-of-it";
        for (const std::string before : {"api_key=", "access_token=", "Bearer ", "{\"apiKey\":\""}) {
            const auto hidden = jiro::redacted("unknown " + before + key + " here", {Secret(key)});
            EXPECT_EQ(hidden.find("tail"), std::string::npos) << hidden;
        }
    }
}

TEST(Secret, a_short_one_is_hidden_as_it_is) {
    EXPECT_EQ(jiro::redacted("unknown key ab12c here", {Secret("ab12c")}), "unknown key *** here");
}

TEST(Secret, is_hidden_in_every_spelling) {
    for (const auto& spelling : test::spellings()) {
        test::expect_hidden(jiro::redacted("saw [" + spelling + "]", {Secret(std::string(test::kSpelled))}), spelling);
    }
    EXPECT_EQ(jiro::redacted("/hub?id=abc&x=1", {}), "/hub?id=***&x=1");
}

}  // namespace
}  // namespace jiro
