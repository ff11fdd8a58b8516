// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>

#include "delivery/crc32c.hpp"
#include "delivery/retry_info.hpp"
#include "jiro/base/base64.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/delivery/client_message.hpp"
#include "jiro_hub.pb.h"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;

JiroHubProto::ClientMessage parse(std::string_view bytes) {
    JiroHubProto::ClientMessage message;
    EXPECT_TRUE(message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    return message;
}

FinishedCommand finished_text(std::string response, TextType type = TextType::plain,
                              Outcome outcome = Outcome::succeeded) {
    FinishedCommand command;
    command.message.command_sync_id = "id-1";
    command.message.session_id = "session";
    command.message.parameters = {{"b", "2"}, {"a", "1"}};
    command.command_name = "echo";
    command.result = {outcome, TextResult{std::move(response), type}};
    return command;
}

// All fields travel, parameters in their order.
TEST(ClientMessage, carries_a_text_with_everything) {
    const auto message = parse(*serialise(finished_text("{\"x\":1}", TextType::json)));
    EXPECT_EQ(message.commandname(), "echo");
    EXPECT_EQ(message.commandsyncid(), "id-1");
    EXPECT_EQ(message.sessionid(), "session");
    EXPECT_TRUE(message.issuccess());
    EXPECT_EQ(message.commandtype(), JiroHubProto::TEXT);
    EXPECT_EQ(message.textresult().response(), "{\"x\":1}");
    EXPECT_EQ(message.textresult().texttype(), JiroHubProto::JSON);
    ASSERT_EQ(message.parameters_size(), 2);
    EXPECT_EQ(message.parameters(0).key(), "b");
}

// A graph keeps its data, axes and units.
TEST(ClientMessage, carries_a_graph) {
    FinishedCommand command = finished_text("");
    command.result.content = GraphResult{"Load", "{\"t\":[1],\"cpu\":[2]}", "note", "t", "cpu", {{"cpu", "%"}}};
    const auto message = parse(*serialise(command));
    EXPECT_EQ(message.commandtype(), JiroHubProto::GRAPH);
    EXPECT_EQ(message.graphresult().graphdata(), "{\"t\":[1],\"cpu\":[2]}");
    EXPECT_EQ(message.graphresult().units().at("cpu"), "%");
    EXPECT_EQ(message.graphresult().message(), "Load");
    EXPECT_EQ(message.graphresult().note(), "note");
    EXPECT_EQ(message.graphresult().xaxis(), "t");
    EXPECT_EQ(message.graphresult().yaxis(), "cpu");
}

// Every kind but success is an error: isSuccess=false with PLAIN text.
TEST(ClientMessage, makes_errors_plain) {
    for (const auto kind :
         {Outcome::failed, Outcome::timed_out, Outcome::cancelled, Outcome::rejected, Outcome::interrupted}) {
        const auto message = parse(*serialise(finished_text("bad \xFF thing", TextType::json, kind)));
        EXPECT_FALSE(message.issuccess());
        EXPECT_EQ(message.textresult().texttype(), JiroHubProto::PLAIN);
        EXPECT_EQ(message.textresult().response(), "bad \xEF\xBF\xBD thing");
    }
}

// Output that is not UTF-8 arrives byte for byte, as BASE64.
TEST(ClientMessage, sends_other_bytes_as_base64) {
    const std::string bytes("\x00\xFF\xC3(", 4);
    const auto message = parse(*serialise(finished_text(bytes)));
    EXPECT_EQ(message.textresult().texttype(), JiroHubProto::BASE64);
    EXPECT_EQ(from_base64(message.textresult().response()), bytes);
}

// Bad bytes in any other field cannot break the message.
TEST(ClientMessage, repairs_every_string_field) {
    FinishedCommand command = finished_text("fine");
    command.command_name = command.message.command_sync_id = command.message.session_id = "\xC0\x80";
    command.message.parameters = {{"\xED\xA0\x80", "\xF5"}};
    const auto message = parse(*serialise(command));
    EXPECT_TRUE(is_utf8(message.commandname() + message.commandsyncid() + message.sessionid()));
    EXPECT_TRUE(is_utf8(message.parameters(0).key() + message.parameters(0).value()));
}

// A text that is too long keeps its beginning and its end and says how much is missing, without splitting a character.
TEST(ClientMessage, shortens_a_long_text_and_says_so) {
    std::string text = "BEGIN";
    while (text.size() < 100'000) text += "\xC3\xA4";
    text += "END";
    const auto message = parse(*serialise(finished_text(text, TextType::markdown), 10'000));
    const auto& response = message.textresult().response();
    EXPECT_LE(response.size(), 10'000U);
    EXPECT_TRUE(is_utf8(response));
    EXPECT_TRUE(response.starts_with("BEGIN"));
    EXPECT_TRUE(response.ends_with("END"));
    EXPECT_NE(response.find("bytes left out"), std::string::npos);
    EXPECT_EQ(message.textresult().texttype(), JiroHubProto::PLAIN);
}

// For a server that takes less: all of the message fits, and the text says how much is missing and why.
TEST(ClientMessage, is_cut_to_a_limit_and_says_how_much_is_missing) {
    auto command = finished_text(std::string(2'000'000, 'x'), TextType::html);
    command.message.parameters = {{"key", std::string(500, 'v')}};
    const auto whole = serialise(command);
    for (const std::size_t limit : {1'048'576U, 65'536U, 4096U, 1000U}) {
        const auto shorter = cut(*whole, limit, "the server accepts at most that");
        ASSERT_TRUE(shorter) << limit;
        EXPECT_LE((*shorter)->size(), limit);
        EXPECT_GT((*shorter)->size(), limit - 100);
        const auto message = parse(**shorter);
        EXPECT_EQ(message.textresult().texttype(), JiroHubProto::PLAIN);
        EXPECT_EQ(message.parameters_size(), 0);
        const auto& response = message.textresult().response();
        const auto kept = std::ranges::count(response, 'x');
        std::string missing = std::to_string(2'000'000 - kept);
        missing.insert(missing.size() - 3, ",");
        if (missing.size() > 7) missing.insert(missing.size() - 7, ",");
        EXPECT_NE(
            response.find("\n[... " + missing + " of 2,000,000 bytes left out: the server accepts at most that ...]\n"),
            std::string::npos)
            << response.substr(limit / 2, 200);
    }
    EXPECT_FALSE(cut(*whole, 100, "no room for a text"));
}

// The hub knows what it sent: without them a result that is short itself goes out as it is.
TEST(ClientMessage, is_cut_at_its_parameters_first) {
    auto text = finished_text("hi", TextType::markdown);
    auto graph = text;
    graph.result.content = GraphResult{"m", "{}", "", "", "", {}};
    for (auto* command : {&text, &graph}) {
        command->message.parameters.clear();
        const auto without = serialise(*command);
        command->message.parameters = {{"document", std::string(100'000, 'x')}, {"other", "y"}};
        const auto whole = serialise(*command);
        const auto shorter = cut(*whole, 65'536, "why");
        ASSERT_TRUE(shorter);
        EXPECT_EQ(**shorter, *without);
        EXPECT_FALSE(cut(*whole, whole->size(), "it fits"));
    }
}

// It also works on BASE64 and on graphs; what is short enough stays as it is.
TEST(ClientMessage, is_cut_whatever_it_holds) {
    const std::string binary(200'000, '\xFE');
    const auto cut_binary = cut(*serialise(finished_text(binary)), 65'536, "why");
    ASSERT_TRUE(cut_binary);
    EXPECT_LE((*cut_binary)->size(), 65'536U);
    const auto message = parse(**cut_binary);
    EXPECT_EQ(message.textresult().texttype(), JiroHubProto::BASE64);
    EXPECT_TRUE(from_base64(message.textresult().response()));

    FinishedCommand graph = finished_text("");
    graph.result.content = GraphResult{"m", std::string(200'000, ' '), "", "", "", {}};
    const auto cut_graph = cut(*serialise(graph), 65'536, "why");
    ASSERT_TRUE(cut_graph);
    EXPECT_EQ(parse(**cut_graph).commandtype(), JiroHubProto::TEXT);
    EXPECT_TRUE(parse(**cut_graph).issuccess());
    graph.result.content = GraphResult{"m", "{}", std::string(200'000, 'n'), "", "", {}};
    const auto cut_note = cut(*serialise(graph), 65'536, "why");
    ASSERT_TRUE(cut_note);
    EXPECT_NE(parse(**cut_note).textresult().response().find("its data has 2000"), std::string::npos);

    EXPECT_FALSE(cut(*serialise(finished_text("short")), 65'536, "why"));
    EXPECT_FALSE(cut(std::string(100'000, '\xFF'), 65'536, "not a message"));
}

// For `outbox show`.
TEST(ClientMessage, describes_itself_as_json) {
    const auto text = json_or_null(describe(*serialise(finished_text("hello"))));
    EXPECT_EQ(text.at("commandType"), "TEXT");
    EXPECT_EQ(text.at("textResult"), nlohmann::json({{"response", "hello"}, {"textType", "PLAIN"}}));
    EXPECT_EQ(text.at("isSuccess"), true);
    EXPECT_TRUE(text.contains("commandName") && text.contains("commandSyncId") && text.contains("sessionId"));

    FinishedCommand finished = finished_text("");
    finished.result.content = GraphResult{"Load", "{}", "note", "t", "cpu", {{"cpu", "%"}, {"a", "b"}}};
    EXPECT_EQ(json_or_null(describe(*serialise(finished))).at("graphResult"), nlohmann::json::parse(R"({
        "message": "Load", "graphData": "e30=", "note": "note", "xAxis": "t", "yAxis": "cpu",
        "units": {"a": "b", "cpu": "%"}})"));
    EXPECT_EQ(json_or_null(describe("\xFF\xFF")), "(not a ClientMessage: 2 bytes)");
}

// The published check value, and the same sum when computed in pieces.
TEST(Crc32c, matches_the_published_value) {
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
    EXPECT_EQ(crc32c("23456789", crc32c("1")), 0xE3069283U);
}

std::string field(int number, const std::string& content) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} + content;
}

std::string field(int number, std::int64_t value) {
    std::string bytes(1, static_cast<char>(number << 3));
    auto rest = static_cast<std::uint64_t>(value);
    for (; rest >= 0x80; rest >>= 7U) bytes += static_cast<char>(rest | 0x80);
    return bytes + static_cast<char>(rest);
}

// A google.rpc.Status whose details ask for this delay.
std::string status_asking_for(std::int64_t seconds, std::int64_t nanos) {
    const auto info = field(1, field(1, seconds) + field(2, nanos));
    const auto any = field(1, "type.googleapis.com/google.rpc.RetryInfo") + field(2, info);
    return field(1, std::int64_t{14}) + field(2, "no") + field(3, any);
}

// RetryInfo inside google.rpc.Status; garbage is no delay.
TEST(RetryInfo, reads_the_delay_from_status_details) {
    const auto status = status_asking_for(5, 500'000'000);
    EXPECT_EQ(retry_info(status), BoundedDuration(5500ms));
    EXPECT_FALSE(retry_info(""));
    EXPECT_FALSE(retry_info("\x1A\xFF\xFF\xFF"));
    for (std::size_t i = 0; i < status.size(); ++i) (void)retry_info(std::string_view(status).substr(0, i));
}

// However many seconds the server writes into it.
TEST(RetryInfo, is_at_most_an_hour_and_never_negative) {
    EXPECT_EQ(retry_info(status_asking_for(0, 0)), BoundedDuration(0s));
    EXPECT_EQ(retry_info(status_asking_for(3599, 999'999'999)), BoundedDuration(1h));
    for (const std::int64_t seconds :
         {std::int64_t{3600}, std::int64_t{31'536'000}, std::int64_t{315'576'000'000}, INT64_MAX / 1000, INT64_MAX}) {
        EXPECT_EQ(retry_info(status_asking_for(seconds, 999'999'999)), BoundedDuration(1h)) << seconds;
    }
    EXPECT_FALSE(retry_info(status_asking_for(-1, 0)));
    EXPECT_FALSE(retry_info(status_asking_for(INT64_MIN, 0)));
    EXPECT_FALSE(retry_info(status_asking_for(5, -1)));
    EXPECT_FALSE(retry_info(status_asking_for(5, INT64_MAX)));
}

}  // namespace
}  // namespace jiro::delivery
