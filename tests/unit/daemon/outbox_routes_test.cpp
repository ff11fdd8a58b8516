// SPDX-License-Identifier: MIT
#include "daemon/outbox_routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jiro::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// Names and values are decoded; what is not well encoded stays as it came.
TEST(OutboxRoutes, decodes_a_query) {
    EXPECT_THAT(parse_query("a=1&b=%20x%2F&c%3d=%C3%A9"),
                ElementsAre(Pair("a", "1"), Pair("b", " x/"), Pair("c=", "\xC3\xA9")));
    EXPECT_THAT(parse_query("a=100%&b=%zz&c=%4"), ElementsAre(Pair("a", "100%"), Pair("b", "%zz"), Pair("c", "%4")));
    EXPECT_THAT(parse_query("a+b=c+d&e=f=g"), ElementsAre(Pair("a+b", "c+d"), Pair("e", "f=g")));
    EXPECT_THAT(parse_query("a=%00b"), ElementsAre(Pair("a", std::string("\0b", 2))));
    EXPECT_THAT(parse_query(""), IsEmpty());
    EXPECT_THAT(parse_query("&&name&"), IsEmpty());
}

// Whatever an id holds arrives as it was.
TEST(OutboxRoutes, encodes_so_that_it_is_decoded) {
    EXPECT_EQ(percent_encode("a-b_c.d~9 /?&=%+"), "a-b_c.d~9%20%2F%3F%26%3D%25%2B");
    std::string every;
    for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
    EXPECT_EQ(parse_query("id=" + percent_encode(every)).at("id"), every);
}

}  // namespace
}  // namespace jiro::daemon
