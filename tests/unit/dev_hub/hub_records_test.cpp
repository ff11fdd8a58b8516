// SPDX-License-Identifier: MIT
#include "dev_hub/hub_records.hpp"

#include <gtest/gtest.h>

#include "dev_hub/errors.hpp"

namespace jiro::dev_hub {
namespace {

// Records may share a WebSocket message or be spread over several.
TEST(RecordBuffer, splits_and_joins_records) {
    RecordBuffer buffer(100);
    buffer.append("{\"type\":6}\x1e{\"ty");
    EXPECT_EQ(buffer.next()->value(), "{\"type\":6}");
    EXPECT_FALSE(buffer.next()->has_value());
    buffer.append("pe\":7}\x1e");
    EXPECT_EQ(buffer.next()->value(), "{\"type\":7}");
    EXPECT_FALSE(buffer.next()->has_value());
}

// A record over the limit is named before its end has come.
TEST(RecordBuffer, refuses_a_record_over_the_limit) {
    RecordBuffer buffer(8);
    buffer.append("{\"type\":6}");
    const auto record = buffer.next();
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, errc::record_too_big);
    EXPECT_NE(record.error().message.find("8B"), std::string::npos);
}

// The specification's handshake is accepted, whatever the order of its members and whatever else it holds.
TEST(Handshake, accepts_json_version_1) {
    for (const auto* text : {R"({"protocol":"json","version":1})", R"({"version":1,"future":[],"protocol":"json"})"}) {
        const auto request = parse_handshake(text);
        ASSERT_TRUE(request) << text;
        EXPECT_EQ(handshake_refusal(*request), "") << text;
    }
    EXPECT_EQ(handshake_response({}), "{}\x1e");
}

// Anything else is refused with a text that the client can show.
TEST(Handshake, refuses_what_the_server_lacks) {
    struct Row {
        const char* name;
        const char* text;
        const char* reason;
    };
    const Row rows[] = {
        {"other protocol", R"({"protocol":"messagepack","version":1})", "The protocol 'messagepack' is not supported."},
        {"other version", R"({"protocol":"json","version":2})",
         "The server does not support version 2 of the 'json' protocol."},
        {"a hub message", R"({"type":6})", "Expected a handshake request from the client."},
        {"no protocol", R"({"version":1})", "Missing required property 'protocol'."},
        {"no version", R"({"protocol":"json"})", "Missing required property 'version'."},
        {"not JSON", "GET / HTTP/1.1", "handshake: the record is not JSON"},
        {"not an object", "[]", "handshake: the record is not a JSON object"},
    };
    for (const auto& row : rows) {
        const auto request = parse_handshake(row.text);
        EXPECT_EQ(request ? handshake_refusal(*request) : request.error().message, row.reason) << row.name;
    }
    EXPECT_EQ(handshake_response("no \"x\""), "{\"error\":\"no \\\"x\\\"\"}\x1e");
}

// Wire texts of the specification's examples come out as messages.
TEST(ClientMessage, reads_each_type) {
    const auto completion = parse_message(R"({"type":3,"invocationId":"7","result":{"isSuccess":true}})");
    ASSERT_TRUE(completion);
    EXPECT_EQ((*completion)->type, MessageType::completion);
    EXPECT_EQ((*completion)->invocation_id, "7");
    EXPECT_EQ((*completion)->value->dump(), R"({"isSuccess":true})");

    const auto failed = parse_message(R"({"type":3,"invocationId":"7","error":"It did not work"})");
    EXPECT_EQ((*failed)->error, "It did not work");

    const auto upload =
        parse_message(R"({"type":1,"invocationId":"1","target":"Upload","arguments":[],"streamIds":["2"]})");
    EXPECT_EQ((*upload)->stream_ids, std::vector<std::string>{"2"});

    const auto item = parse_message(R"({"type":2,"invocationId":"2","item":null})");
    EXPECT_TRUE((*item)->value->is_null());

    EXPECT_EQ((*parse_message(R"({"type":6})"))->type, MessageType::ping);
    EXPECT_EQ((*parse_message(R"({"type":7,"error":"bye"})"))->error, "bye");
    EXPECT_FALSE(parse_message(R"({"type":42})")->has_value());  // from the future
}

// Integers over 2^53 keep every digit on their way through Echo.
TEST(ClientMessage, keeps_64_bit_integers) {
    const auto call =
        parse_message(R"({"type":1,"invocationId":"1","target":"Echo","arguments":[9223372036854775807]})");
    EXPECT_EQ((*call)->arguments[0].dump(), "9223372036854775807");
}

// What breaks the protocol is an error and no crash.
TEST(ClientMessage, refuses_broken_records) {
    const std::pair<const char*, std::string> rows[] = {
        {"empty", ""},
        {"not JSON", "{"},
        {"not an object", "[]"},
        {"no type", "{}"},
        {"type is text", R"({"type":"1"})"},
        {"numeric id", R"({"type":3,"invocationId":7})"},
        {"completion without id", R"({"type":3})"},
        {"result and error", R"({"type":3,"invocationId":"1","result":1,"error":"x"})"},
        {"no target", R"({"type":1,"arguments":[]})"},
        {"no arguments", R"({"type":1,"target":"Echo"})"},
        {"item missing", R"({"type":2,"invocationId":"1"})"},
        {"too deep", R"({"type":1,"target":"Echo","arguments":)" + std::string(100, '[') + std::string(100, ']') + "}"},
        {"invalid UTF-8", "{\"type\":6,\"x\":\"\xff\"}"},
    };
    for (const auto& [name, text] : rows) EXPECT_FALSE(parse_message(text)) << name;
}

// What the server writes is byte for byte what the specification shows.
TEST(ServerRecord, has_the_specified_form) {
    EXPECT_EQ(invocation_record("ReceiveCommand", "{}", ""),
              "{\"type\":1,\"target\":\"ReceiveCommand\",\"arguments\":[{}]}\x1e");
    EXPECT_EQ(invocation_record("CommandReceived", "\"x\"", "3"),
              "{\"type\":1,\"invocationId\":\"3\",\"target\":\"CommandReceived\",\"arguments\":[\"x\"]}\x1e");
    EXPECT_EQ(invocation_record("M", "1", "2", {{"traceparent", "00"}, {"a\"", ""}}),
              "{\"type\":1,\"headers\":{\"traceparent\":\"00\",\"a\\\"\":\"\"},\"invocationId\":\"2\",\"target\":\"M\","
              "\"arguments\":[1]}\x1e");
    EXPECT_EQ(stream_item_record("1", "42"), "{\"type\":2,\"invocationId\":\"1\",\"item\":42}\x1e");
    EXPECT_EQ(completion_record("1", "null"), "{\"type\":3,\"invocationId\":\"1\",\"result\":null}\x1e");
    EXPECT_EQ(completion_record("1", std::nullopt), "{\"type\":3,\"invocationId\":\"1\"}\x1e");
    EXPECT_EQ(error_completion_record("1", "no"), "{\"type\":3,\"invocationId\":\"1\",\"error\":\"no\"}\x1e");
    EXPECT_EQ(ping_record(), "{\"type\":6}\x1e");
    EXPECT_EQ(close_record("", Reconnect::forbidden), "{\"type\":7}\x1e");
    EXPECT_EQ(close_record("x", Reconnect::allowed), "{\"type\":7,\"error\":\"x\",\"allowReconnect\":true}\x1e");
}

// The separator may never stand inside a record.
TEST(ServerRecord, escapes_control_characters) { EXPECT_EQ(json_string("a\x1e\"\\\n"), "\"a\\u001e\\\"\\\\\\n\""); }

}  // namespace
}  // namespace jiro::dev_hub
