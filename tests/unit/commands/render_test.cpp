// SPDX-License-Identifier: MIT
#include "jiro/commands/render.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace jiro::commands {

using ::testing::HasSubstr;
using ::testing::Not;

// Text ends with a line break, and cannot send escape sequences to the terminal.
TEST(Render, shows_text_without_obeying_it) {
    EXPECT_EQ(render(CommandResult::text("a\tb")), "a\tb\n");
    EXPECT_EQ(render(CommandResult::text("\x1b]0;owned\x07\n")), "\\x1b]0;owned\\x07\n");
    EXPECT_THAT(render(CommandResult::text(R"({"a":1})", TextType::json)), HasSubstr("\"a\": 1"));
}

// Both layouts of graph data become the same chart; units and the x axis are named.
TEST(Render, draws_graphs) {
    GraphResult graph;
    graph.message = "CPU";
    graph.graph_data = R"({"t":["10:00","10:05","10:10"],"cpu":[0,50,100]})";
    graph.x_axis = "t";
    graph.y_axis = "cpu";
    graph.units = {{"cpu", "%"}};
    const auto columns = render(CommandResult::graph(graph));
    EXPECT_THAT(columns, HasSubstr("cpu [%], last 100"));
    EXPECT_THAT(columns, HasSubstr("t: 10:00 ... 10:10"));
    EXPECT_THAT(columns, HasSubstr("100 |  █\n"));
    graph.graph_data = R"([{"t":"10:00","cpu":0},{"t":"10:05","cpu":50},{"t":"10:10","cpu":100}])";
    EXPECT_EQ(render(CommandResult::graph(graph)), columns);
}

// Whatever a hub or a program calls graph data is shown, not trusted.
TEST(Render, tolerates_odd_graph_data) {
    for (const auto* data : {"", "{", "[]", "{}", "7", "[1,2,3]", R"({"y":"text"})", R"({"y":[null,"a",1e999]})",
                             R"({"y":[]})", R"([{"y":1},7,null])"}) {
        GraphResult graph;
        graph.graph_data = data;
        graph.y_axis = "y, ,z";
        EXPECT_THAT(render(CommandResult::graph(graph)), HasSubstr("\n")) << data;
        graph.y_axis.clear();
        EXPECT_THAT(render(CommandResult::graph(graph)), HasSubstr("\n")) << data;
    }
}

// For scripts: one JSON object with the outcome.
TEST(Render, writes_json) {
    FinishedCommand command;
    command.command_name = "disk";
    command.message.session_id = "s";
    command.result = CommandResult::failed("exit code 1");
    command.run_time = std::chrono::milliseconds(12);
    const auto json = nlohmann::json::parse(render_json(command));
    EXPECT_EQ(json["outcome"], "failed");
    EXPECT_EQ(json["isSuccess"], false);
    EXPECT_EQ(json["response"], "exit code 1");
    EXPECT_EQ(json["runTimeMs"], 12);
}

// A description says what a user of the hub may know: not what runs, nor where it is defined.
TEST(Render, describes_a_command) {
    CommandDescription description;
    description.name = "disk";
    description.usage = "disk [path]";
    description.summary = "Free space";
    description.parameters = {{"path", "where", false, "/", "matches ^/"}};
    description.source = "config.yaml:7";
    description.runs = "/usr/bin/df -h {path}";
    description.uses_shell = true;
    description.max_concurrent = 2;
    const auto text = render_description(description);
    for (const auto* part : {"disk [path]", "Free space", "matches ^/", "default /", "USES A SHELL", "2 at a time"}) {
        EXPECT_THAT(text, HasSubstr(part));
    }
    for (const auto* part : {"config.yaml", "df -h"}) EXPECT_THAT(text, Not(HasSubstr(part)));
    EXPECT_THAT(text, Not(HasSubstr("optional")));
}

}  // namespace jiro::commands
