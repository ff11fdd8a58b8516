// SPDX-License-Identifier: MIT
#include "delivery/redo/seen_ids.hpp"

#include <gtest/gtest.h>

#include <string>

namespace jiro::delivery {
namespace {

std::string id(int number) { return "command-" + std::to_string(number); }

// "No" is said only when everything that the database held has been taught.
TEST(SeenIds, says_maybe_until_it_has_learned) {
    SeenIds seen;
    EXPECT_TRUE(seen.wants_filter());
    EXPECT_TRUE(seen.may_contain("a"));
    seen.begin();
    EXPECT_FALSE(seen.wants_filter());
    EXPECT_TRUE(seen.may_contain("a"));
    seen.add("added meanwhile");
    seen.load("held before");
    EXPECT_TRUE(seen.may_contain("a"));
    seen.ready(1);
    EXPECT_FALSE(seen.may_contain("a"));
    EXPECT_TRUE(seen.may_contain("held before"));
    EXPECT_TRUE(seen.may_contain("added meanwhile"));
    EXPECT_FALSE(seen.wants_filter());
}

// What could not be taught is begun again: until then nothing is certain.
TEST(SeenIds, wants_another_filter_when_one_has_failed) {
    SeenIds seen;
    seen.begin();
    seen.failed();
    EXPECT_TRUE(seen.wants_filter());
    EXPECT_TRUE(seen.may_contain("a"));
    seen.begin();
    EXPECT_FALSE(seen.wants_filter());
    seen.ready(0);
    EXPECT_FALSE(seen.may_contain("a"));
}

// Never "no" for an id that was added; seldom "maybe" for another one.
TEST(SeenIds, forgets_none_and_is_seldom_wrong) {
    constexpr int kIds = 200'000;
    SeenIds seen;
    seen.begin();
    seen.ready(0);
    int taken_for_known = 0;
    for (int i = 0; i < kIds; ++i) {
        taken_for_known += seen.may_contain(id(i)) ? 1 : 0;
        seen.add(id(i));
        ASSERT_TRUE(seen.may_contain(id(i)));
    }
    EXPECT_LT(taken_for_known, kIds / 10'000);
}

// A full filter is replaced by a new one, which knows what the database still holds and what came meanwhile.
TEST(SeenIds, is_made_anew_when_full) {
    SeenIds seen(10);
    seen.begin();
    seen.ready(0);
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(seen.wants_filter());
        seen.add(id(i));
    }
    ASSERT_TRUE(seen.wants_filter());
    seen.begin();
    seen.add("meanwhile");
    EXPECT_TRUE(seen.may_contain(id(0)));
    EXPECT_TRUE(seen.may_contain("meanwhile"));
    seen.load("still held");
    seen.ready(1);
    EXPECT_FALSE(seen.may_contain(id(0)));
    EXPECT_TRUE(seen.may_contain("meanwhile"));
    EXPECT_TRUE(seen.may_contain("still held"));
    EXPECT_FALSE(seen.wants_filter());
}

// A database with many ids is not read again with each new one.
TEST(SeenIds, doubles_before_it_is_made_anew) {
    SeenIds seen(10);
    seen.begin();
    seen.ready(100);
    for (int i = 0; i < 99; ++i) seen.add(id(i));
    EXPECT_FALSE(seen.wants_filter());
    seen.add("one more");
    EXPECT_TRUE(seen.wants_filter());
}

}  // namespace
}  // namespace jiro::delivery
