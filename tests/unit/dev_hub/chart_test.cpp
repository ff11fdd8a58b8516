// SPDX-License-Identifier: MIT
#include "dev_hub/chart.hpp"

#include <gtest/gtest.h>

namespace jiro::dev_hub {
namespace {

ReceivedResult graph(std::string data) {
    ReceivedResult out;
    out.kind = ReceivedResult::Kind::graph;
    out.graph_message = "Load";
    out.graph_data = std::move(data);
    out.note = "sampled";
    out.x_axis = "time";
    out.units = {{"cpu", "%"}, {"time", "s"}};
    return out;
}

// Columns of numbers become a plot with range, axis, units and note.
TEST(Chart, draws_columns) {
    const auto text = draw_chart(graph(R"({"time":[0,1,2],"cpu":[0,50,100]})"), {10, 3});

    EXPECT_EQ(text,
              "Load\n"
              "100 |  *\n"
              "    | *\n"
              "  0 |*\n"
              "    +---\n"
              "     0 2  time (s)\n"
              "  * cpu (%), last 100\n"
              "Note: sampled\n");
}

// Rows of objects are read too, and y names the members to draw.
TEST(Chart, draws_rows) {
    auto result = graph(R"([{"time":"a","cpu":1,"mem":5},{"time":"b","cpu":2,"mem":6}])");
    result.y_axis = "mem";
    const auto text = draw_chart(result, {10, 2});
    EXPECT_NE(text.find("* mem, last 6"), std::string::npos) << text;
    EXPECT_EQ(text.find("cpu"), std::string::npos) << text;
}

// Data that is no series is shown as it is, and nothing crashes.
TEST(Chart, survives_any_data) {
    for (const auto* data : {"", "not json", "[]", "{}", "5", R"({"time":[],"cpu":[]})", R"({"cpu":["x",null]})",
                             R"([1,2,3])", R"({"cpu":[1e308,-1e308]})", R"({"cpu":[7]})", "[[[[]]]]"}) {
        EXPECT_FALSE(draw_chart(graph(data)).empty()) << data;
    }
}

// Text from outside can't play with the terminal; JSON is indented; BASE64 is decoded.
TEST(Render, shows_each_text_type) {
    ReceivedResult text;
    text.kind = ReceivedResult::Kind::text;
    text.text_type = "PLAIN";
    text.text = "a\x1b[2Jb";
    EXPECT_EQ(render(text), "a\\x1b[2Jb\n");
    text.text_type = "JSON";
    text.text = R"({"a":1})";
    EXPECT_EQ(render(text), "{\n  \"a\": 1\n}\n");
    text.text_type = "BASE64";
    text.text = "aGkA";
    EXPECT_EQ(render(text), "hi\\x00\n");
}

}  // namespace
}  // namespace jiro::dev_hub
