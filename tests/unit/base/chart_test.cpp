// SPDX-License-Identifier: MIT
#include "jiro/base/chart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jiro {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Chart chart(std::string data) {
    return {"Load", std::move(data), "sampled", "time", "", {{"cpu", "%"}, {"time", "s"}}};
}

// Columns of numbers become a block with range, unit, x axis and note; rows of objects become the same.
TEST(Chart, draws_both_layouts) {
    const auto columns = draw_chart(chart(R"({"time":[0,1,2],"cpu":[0,50,100]})"));
    for (const auto* part : {"Load\n", "cpu [%], last 100\n", "100 |  █\n", "time: 0 ... 2\n", "sampled\n"}) {
        EXPECT_THAT(columns, HasSubstr(part));
    }
    EXPECT_EQ(draw_chart(chart(R"([{"time":0,"cpu":0},{"time":1,"cpu":50},{"time":2,"cpu":100}])")), columns);
}

// The y axis names the members to draw.
TEST(Chart, draws_what_the_y_axis_names) {
    auto both = chart(R"([{"time":"a","cpu":1,"mem":5},{"time":"b","cpu":2,"mem":6}])");
    EXPECT_THAT(draw_chart(both), HasSubstr("cpu [%], last 2"));
    both.y_axis = "mem";
    EXPECT_THAT(draw_chart(both), HasSubstr("mem, last 6"));
    EXPECT_THAT(draw_chart(both), Not(HasSubstr("cpu")));
}

// Data that is no series is shown as it is, and nothing crashes.
TEST(Chart, survives_any_data) {
    for (const auto* data : {"", "not json", "[]", "{}", "5", R"({"time":[],"cpu":[]})", R"({"cpu":["x",null]})",
                             "[1,2,3]", R"({"cpu":[1e308,-1e308]})", R"({"cpu":[7]})", "[[[[]]]]",
                             R"({"y":[null,"a",1e999]})", R"([{"y":1},7,null])"}) {
        EXPECT_THAT(draw_chart(chart(data)), HasSubstr("\n")) << data;
    }
}

}  // namespace
}  // namespace jiro
