// SPDX-License-Identifier: MIT
#include "jiro/base/trace_context.hpp"

#include <gtest/gtest.h>

namespace jiro {
namespace {

const std::string kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// The examples and the rules of the W3C's Trace Context, level 1.
TEST(TraceContext, takes_a_valid_traceparent_only) {
    EXPECT_EQ(TraceContext(kParent, "").parent(), kParent);
    EXPECT_EQ(TraceContext(kParent, "").trace_id(), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_FALSE(TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", "").empty());
    const struct {
        const char* name;
        std::string text;
    } rows[] = {
        {"nothing", ""},
        {"too short", kParent.substr(0, 54)},
        {"version 00 with more behind", kParent + "-01"},
        {"a blank behind", kParent + " "},
        {"a line feed behind", kParent + "\n"},
        {"capitals", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"no hexadecimal digit", "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01"},
        {"version ff", "ff" + kParent.substr(2)},
        {"version of letters", "zz" + kParent.substr(2)},
        {"the trace id of zeros", "00-00000000000000000000000000000000-b7ad6b7169203331-01"},
        {"the span id of zeros", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"},
        {"other separators", "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01"},
        {"flags that are none", kParent.substr(0, 53) + "0x"},
        {"a NUL", std::string("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\0", 55)},
        {"a later version with more that has no separator", "01" + kParent.substr(2) + "x"},
    };
    for (const auto& row : rows) {
        const TraceContext context(row.text, "vendor=1");
        EXPECT_TRUE(context.empty()) << row.name;
        EXPECT_EQ(context.state(), "") << row.name;
        EXPECT_EQ(context.trace_id(), "") << row.name;
    }
}

// Of a later version what version 00 knows is passed on, as version 00.
TEST(TraceContext, takes_a_later_version_as_far_as_it_is_known) {
    EXPECT_EQ(TraceContext("cc" + kParent.substr(2), "").parent(), kParent);
    EXPECT_EQ(TraceContext("01" + kParent.substr(2) + "-what-the-future-will-be", "").parent(), kParent);
    EXPECT_EQ(TraceContext("01" + kParent.substr(2, 51) + "f2", "").parent(), kParent.substr(0, 53) + "00");
}

// Tabs are no characters of a header that gRPC takes: it would end the process.
TEST(TraceContext, passes_on_the_members_of_a_tracestate_without_what_stands_around_them) {
    for (const char* state : {"a=1,\tb=2", "\ta=1,b=2", "a=1,b=2\t", " a=1 \t,\t b=2 ", ",a=1,, ,\t,b=2,"}) {
        EXPECT_EQ(TraceContext(kParent, state).state(), "a=1,b=2") << state;
    }
    for (const char* nothing : {"", "\t", " , ,\t"}) EXPECT_EQ(TraceContext(kParent, nothing).state(), "") << nothing;
    EXPECT_EQ(TraceContext(kParent, "a=1\t2").state(), "");
}

TEST(TraceContext, leaves_out_a_tracestate_that_is_not_valid) {
    for (const std::string& good :
         {std::string("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"), std::string("fw529a3039@dt=Ff AA"),
          std::string(256, 'a') + "=" + std::string(255, 'v')}) {
        EXPECT_EQ(TraceContext(kParent, good).state(), good);
    }
    std::string many;
    for (int i = 0; i < 33; ++i) many += "a" + std::to_string(i) + "=1,";
    for (const std::string& bad :
         {std::string("x"), std::string("=1"), std::string("a="), std::string("A=1"), std::string("a=1=2"),
          std::string("a=b\n"), std::string("a=\x80"), std::string("@a=1"), std::string("a b=1"), many,
          "a=" + std::string(257, 'v'), std::string(513, ',')}) {
        const TraceContext context(kParent, bad);
        EXPECT_EQ(context.parent(), kParent) << bad;
        EXPECT_EQ(context.state(), "") << bad;
    }
}

}  // namespace
}  // namespace jiro
