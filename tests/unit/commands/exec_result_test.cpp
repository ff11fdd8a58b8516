// SPDX-License-Identifier: MIT
#include "commands/exec/exec_result.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace jiro::commands {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

CommandResult result_of(const std::string& text, ExecResultKind kind, bool is_incomplete = false) {
    ExecCommand command;
    command.result = kind;
    command.max_output_bytes = 16 * 1024 * 1024;
    OutputCapture output(command.max_output_bytes);
    output.append(text);
    ExecRun run;
    run.status.code = 0;
    run.output_incomplete = is_incomplete;
    return exec_result(command, run, output, OutputCapture(1000));
}

TextType type_of(const CommandResult& result) { return std::get<TextResult>(result.content).type; }

GraphResult graph_of(const CommandResult& result) {
    if (const auto* graph = std::get_if<GraphResult>(&result.content)) return *graph;
    ADD_FAILURE() << "no graph: " << result.message();
    return {};
}

// A million levels cost a refusal that says why, never the stack.
TEST(ExecResult, stands_any_depth) {
    const std::string brackets(1'000'000, '[');
    const std::string braces = [] {
        std::string text;
        for (int i = 0; i < 200'000; ++i) text += "{\"a\":";
        return text;
    }();
    const std::string closed = std::string(100'000, '[') + std::string(100'000, ']');
    for (const auto& inner : {brackets, braces, closed}) {
        for (const auto& text :
             {inner, R"({"yAxis":"a","data":)" + inner + '}', R"({"yAxis":"a","data":[1],"x":)" + inner + '}'}) {
            const auto automatic = result_of(text, ExecResultKind::automatic);
            EXPECT_TRUE(automatic.is_success());
            EXPECT_EQ(type_of(automatic), TextType::plain);
            for (const auto kind : {ExecResultKind::json, ExecResultKind::graph}) {
                const auto result = result_of(text, kind);
                EXPECT_FALSE(result.is_success());
                EXPECT_THAT(result.message(),
                            AllOf(HasSubstr("not the JSON that was promised"), HasSubstr("64 levels")));
            }
        }
    }
}

// As many members, or values, as there may be output: nothing is looked up among them.
TEST(ExecResult, stands_any_width) {
    std::string members = R"({"yAxis":"a","data":{)";
    for (int i = 0; i < 400'000; ++i) members += "\"m" + std::to_string(i) + "\":[" + std::to_string(i) + "],";
    members += "\"a\":[0]}}";
    EXPECT_EQ(graph_of(result_of(members, ExecResultKind::graph)).graph_data.size(), members.size() - 21);
    EXPECT_EQ(type_of(result_of(members, ExecResultKind::json)), TextType::json);
    std::string values = "[";
    for (int i = 0; i < 1'000'000; ++i) values += "{},";
    EXPECT_EQ(type_of(result_of(values + "0]", ExecResultKind::automatic)), TextType::json);
}

// The members of a graph are found in any case and order; its data keep their order and their numbers.
TEST(ExecResult, takes_a_graph_as_it_is) {
    const auto graph = graph_of(result_of(
        R"( { "note":"n", "Units":{"cpu":"%","t":7}, "DATA":[ {"cpu":1, "z": 12345678901234567890123, "a":1.10, "e":1e400, "s":"\u00e9\n"} ],
            "data2":[1], "inner":{"data":[2],"yAxis":"no","units":{"x":"y"}}, "yaxis":"cpu", "xAxis":"t", "message":"m" } )",
        ExecResultKind::graph));
    EXPECT_EQ(graph.graph_data, R"([{"cpu":1,"z":12345678901234567890123,"a":1.10,"e":1e400,"s":"é\n"}])");
    EXPECT_EQ(graph.message, "m");
    EXPECT_EQ(graph.note, "n");
    EXPECT_EQ(graph.x_axis, "t");
    EXPECT_EQ(graph.y_axis, "cpu");
    EXPECT_EQ(graph.units, (decltype(graph.units){{"cpu", "%"}}));
}

// Data of the two forms and a y axis that names members of them make a graph; anything else of JSON is JSON.
TEST(ExecResult, tells_a_graph_from_other_json) {
    constexpr const char* kNoObject = "an object with";
    constexpr const char* kData = "neither an object of arrays nor an array of objects";
    constexpr const char* kNoName = "names no member";
    constexpr const char* kOtherName = "which is no member";
    const std::pair<const char*, const char*> rows[] = {{"[]", kNoObject},
                                                        {"[1,2]", kNoObject},
                                                        {R"([{"data":[],"yAxis":"a"}])", kNoObject},
                                                        {R"([["data",[],"yAxis"]])", kNoObject},
                                                        {"{}", kData},
                                                        {R"({"yAxis":"a"})", kData},
                                                        {R"({"data":1,"yAxis":"a"})", kData},
                                                        {R"({"data":"text","yAxis":"a"})", kData},
                                                        {R"({"data":[1],"yAxis":"a"})", kData},
                                                        {R"({"data":[[1]],"yAxis":"a"})", kData},
                                                        {R"({"data":[{"a":1},null],"yAxis":"a"})", kData},
                                                        {R"({"data":{"a":1},"yAxis":"a"})", kData},
                                                        {R"({"data":{"a":[1],"b":{}},"yAxis":"a"})", kData},
                                                        {R"({"data":[{"a":1}],"data":null,"yAxis":"a"})", kData},
                                                        {R"({"inner":{"data":[],"yAxis":"a"}})", kData},
                                                        {R"({"data":[{"a":1}]})", kNoName},
                                                        {R"({"data":[{"a":1}],"yAxis":null})", kNoName},
                                                        {R"({"data":[{"a":1}],"yAxis":7})", kNoName},
                                                        {R"({"data":[{"a":1}],"yAxis":["a"]})", kNoName},
                                                        {R"({"data":[{"a":1}],"yAxis":{"title":"a"}})", kNoName},
                                                        {R"({"data":[{"a":1}],"yAxis":" , "})", kNoName},
                                                        {R"({"data":[{"a":{"b":1}}],"yAxis":"b"})", kOtherName},
                                                        {R"({"data":{"a":[{"b":1}]},"yAxis":"a,b"})", kOtherName},
                                                        {R"({"data":{},"yAxis":"a"})", kOtherName}};
    for (const auto& [text, reason] : rows) {
        EXPECT_EQ(result_of(text, ExecResultKind::automatic), CommandResult::text(text, TextType::json));
        EXPECT_THAT(result_of(text, ExecResultKind::graph).message(), AllOf(HasSubstr("no graph"), HasSubstr(reason)))
            << text;
    }
    for (const char* text :
         {R"({"data":{"a":7},"data":[{"a":1}],"yAxis":"a"})", R"({"yAxis":"a , b","data":{"b":[1],"a":[{"c":1}]}})",
          R"({"data":[{"a":1},{"b":[2]}],"yAxis":"b"})", R"({"data":[],"yAxis":"a"})",
          R"({"data":[{"a":1}],"yAxis":7,"yAxis":"a","units":null,"note":null})"}) {
        EXPECT_NE(graph_of(result_of(text, ExecResultKind::graph)).graph_data, "") << text;
        const bool is_told_twice = std::string_view(text).find("7,\"yAxis") != std::string_view::npos;
        EXPECT_EQ(std::holds_alternative<GraphResult>(result_of(text, ExecResultKind::automatic).content),
                  !is_told_twice)
            << text;
    }
}

// Nobody promised a graph: what it has no place for is not dropped.
TEST(ExecResult, keeps_what_a_graph_has_no_place_for) {
    for (const char* more :
         {R"("series":[1])", R"("title":"t")", R"("message":{"a":1})", R"("note":7)", R"("xAxis":["a"])",
          R"("units":"%")", R"("units":{"a":1})", R"("units":{"a":{"b":"c"}})"}) {
        const std::string text = R"({"data":[{"a":1}],"yAxis":"a",)" + std::string(more) + '}';
        EXPECT_EQ(result_of(text, ExecResultKind::automatic), CommandResult::text(text, TextType::json));
        EXPECT_EQ(graph_of(result_of(text, ExecResultKind::graph)).graph_data, R"([{"a":1}])") << text;
    }
}

// Output that a background process cut short says so, in every form that has a place for it.
TEST(ExecResult, marks_output_that_is_not_complete) {
    using enum ExecResultKind;
    const std::string mark = "output_incomplete: a background process kept it open";
    const auto marked = [](const char* text, ExecResultKind kind) { return result_of(text, kind, true); };
    for (const auto kind : {automatic, text}) {
        EXPECT_EQ(marked("half\n", kind), CommandResult::text("half\n\n[" + mark + "]\n"));
    }
    EXPECT_EQ(marked("# half", markdown), CommandResult::text("# half\n[" + mark + "]\n", TextType::markdown));
    for (const auto kind : {automatic, html}) {
        EXPECT_EQ(marked("<html>", kind), CommandResult::text("<html>\n<!-- " + mark + " -->\n", TextType::html));
    }
    EXPECT_EQ(graph_of(marked(R"({"data":[],"yAxis":"a"})", graph)).note, mark);
    EXPECT_EQ(graph_of(marked(R"({"data":[],"yAxis":"a","note":"n"})", automatic)).note, "n; " + mark);
    EXPECT_EQ(marked("[1]", json), CommandResult::text("[1]", TextType::json));
    EXPECT_EQ(marked("half", base64), CommandResult::text("aGFsZg==", TextType::base64));
}

// Who may have killed a program: its CPU limit, if it has one and has used as much.
TEST(ExecResult, names_who_may_have_killed_it) {
    ExecCommand command;
    ExecRun run;
    run.status.signal = SIGKILL;
    run.status.cpu = std::chrono::milliseconds(3000);
    const auto message = [&] { return exec_result(command, run, OutputCapture(1), OutputCapture(1)).message(); };
    EXPECT_EQ(message(), "killed by signal 9 (SIGKILL), not by this client: out of memory?");
    command.limits.cpu = std::chrono::seconds(1);
    EXPECT_EQ(message(), "killed by signal 9 (SIGKILL): its CPU limit, or out of memory?");
    command.limits.cpu = std::chrono::seconds(4);
    EXPECT_EQ(message(), "killed by signal 9 (SIGKILL), not by this client: out of memory?");
}

// A byte order mark ahead of JSON is no part of it.
TEST(ExecResult, leaves_a_byte_order_mark_out) {
    const std::string mark = "\xEF\xBB\xBF";
    for (const auto kind : {ExecResultKind::automatic, ExecResultKind::json}) {
        const auto result = result_of(mark + " {\"a\":1}\r\n", kind);
        EXPECT_EQ(type_of(result), TextType::json);
        EXPECT_EQ(result.message(), "{\"a\":1}");
    }
    EXPECT_EQ(graph_of(result_of(mark + R"({"data":[],"yAxis":"a"})", ExecResultKind::graph)).graph_data, "[]");
    EXPECT_EQ(result_of(mark + "text", ExecResultKind::text).message(), mark + "text");
}

// What was promised and is not JSON fails by name.
TEST(ExecResult, names_what_is_wrong_with_promised_json) {
    const std::pair<const char*, const char*> rows[] = {
        {"", "not JSON"},        {"{half", "not JSON"},          {"[1,]", "not JSON"},   {"{} {}", "not JSON"},
        {"[1] // c", "comment"}, {"[\"\\ud83d\"]", "surrogate"}, {"[\"\xFF\"]", "UTF-8"}};
    for (const auto& [text, reason] : rows) {
        EXPECT_THAT(result_of(text, ExecResultKind::json).message(), HasSubstr(reason)) << text;
        EXPECT_THAT(result_of(text, ExecResultKind::graph).message(), HasSubstr(reason)) << text;
        EXPECT_TRUE(result_of(text, ExecResultKind::automatic).is_success()) << text;
    }
}

}  // namespace
}  // namespace jiro::commands
