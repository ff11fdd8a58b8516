// SPDX-License-Identifier: MIT
#include "jiro/base/text.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace jiro
