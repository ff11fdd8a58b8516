// SPDX-License-Identifier: MIT
#include "jiro/base/enum_names.hpp"

#include <gtest/gtest.h>

namespace jiro {
namespace {

enum class Berry { apple = 1, red_pear, fig };

// Each enumerator between two has its own name, as it is written.
TEST(EnumNames, are_those_of_the_source) {
    constexpr auto names = enum_names<Berry::apple, Berry::fig>;
    ASSERT_EQ(names.size(), 3U);
    EXPECT_EQ(names[0], "apple");
    EXPECT_EQ(names[1], "red_pear");
    EXPECT_EQ(names[2], "fig");
    EXPECT_EQ((enum_names<Berry::fig, Berry::fig>.front()), "fig");
}

}  // namespace
}  // namespace jiro
