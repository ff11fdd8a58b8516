// SPDX-License-Identifier: MIT
#include "jiro/commands/command_message.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "jiro/commands/errors.hpp"

namespace jiro::commands {

using Json = nlohmann::json;

namespace {

// As a hub's invocation has it.
ParsedMessage parsed_argument(const Json& argument) {
    const auto reader = make_message_reader();
    EXPECT_FALSE(read_json(argument.dump(), kPatientJsonLimits, *reader));
    return reader->take();
}

}  // namespace

// The object form, as newer hubs send it.
TEST(CommandMessage, reads_an_object) {
    const auto parsed = parsed_argument(Json::parse(
        R"({"instanceId":"i","command":"disk /var","commandSyncId":"c1","sessionId":"s","parameters":{"a":"1"}})"));
    ASSERT_FALSE(parsed.error) << parsed.error->message;
    EXPECT_EQ(parsed.message.instance_id, "i");
    EXPECT_EQ(parsed.message.command, "disk /var");
    EXPECT_EQ(parsed.message.command_sync_id, "c1");
    EXPECT_EQ(parsed.message.session_id, "s");
    EXPECT_EQ(parsed.message.parameters, (Parameters{{"a", "1"}}));
}

// The string form keeps the parameters' order; both forms accept any case, nulls, numbers, booleans, and unknown
// members.
TEST(CommandMessage, reads_a_string_that_holds_the_object) {
    const auto parsed = parsed_argument(Json(
        R"({"Command":"x","COMMANDSYNCID":"c","sessionid":null,"extra":[1],"Parameters":{"z":1,"b":true,"a":1.50,"n":null}})"));
    ASSERT_FALSE(parsed.error) << parsed.error->message;
    EXPECT_EQ(parsed.message.session_id, "");
    EXPECT_EQ(parsed.message.parameters, (Parameters{{"z", "1"}, {"b", "true"}, {"a", "1.50"}}));
}

// A number's text is its own, in each form of a message and in a tool's arguments: so it is signed.
TEST(CommandMessage, takes_a_number_as_it_is_written) {
    for (const std::string number : {"0", "-0", "1.0", "1.50", "1e2", "1E400", "1e-400", "100.10",
                                     "123456789012345678901", "-9223372036854775809", "0.1234567890123456789"}) {
        const Parameters expected{{"z", number}, {"a", "x"}};
        const std::string parameters = R"({"z":)" + number + R"(,"a":"x"})";
        const std::string object = R"({"command":"x","commandSyncId":"c","parameters":)" + parameters + '}';
        const auto as_text = parse_command_message(object);
        EXPECT_EQ(as_text.message.parameters, expected);
        const auto reader = make_message_reader();
        EXPECT_FALSE(read_json(object, {}, *reader));
        EXPECT_EQ(reader->take().message.parameters, expected);
        const auto alone = parse_parameters(parameters);
        ASSERT_TRUE(alone) << alone.error().message;
        EXPECT_EQ(*alone, expected);
    }
}

TEST(CommandMessage, says_what_is_wrong_with_parameters_alone) {
    const struct {
        const char* text;
        const char* why;
    } rows[] = {
        {"not json", "it is not JSON"},       {"[]", "parameters is not an object"},
        {"5", "parameters is not an object"}, {R"({"a":[1]})", "parameter a is neither text, number nor boolean"},
        {R"({"a":"\ud83d"})", "surrogate"},   {R"({"a":1e99999999999})", "out of range"},
    };
    for (const auto& row : rows) {
        const auto parsed = parse_parameters(row.text);
        ASSERT_FALSE(parsed) << row.text;
        EXPECT_NE(parsed.error().message.find(row.why), std::string::npos) << parsed.error().message;
    }
    EXPECT_EQ(parse_parameters(R"({"z":null,"a":"1","b":true})").value(), (Parameters{{"a", "1"}, {"b", "true"}}));
}

// The contract's own spelling wins over another one of the same name.
TEST(CommandMessage, prefers_the_exact_member_name) {
    const auto parsed = parsed_argument(Json{{"Command", "wrong"}, {"command", "right"}, {"commandSyncId", "c"}});
    EXPECT_EQ(parsed.message.command, "right");
}

// Every kind of bad message has its own name, and is answerable exactly when its id could be read.
TEST(CommandMessage, names_what_is_wrong) {
    const std::string long_text(1048577, 'x');
    auto many = Json::object();
    for (int i = 0; i < 257; ++i) many["p" + std::to_string(i)] = "v";
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += R"({"a":)";
    const struct {
        const char* name;
        Json argument;
        errc code;
        bool answerable;
    } rows[] = {
        {"number", 7, errc::not_an_object, false},
        {"null", nullptr, errc::not_an_object, false},
        {"array", Json::array({1}), errc::not_an_object, false},
        {"string that is no JSON", "{half", errc::invalid_json, false},
        {"string that holds an array", "[1]", errc::not_an_object, false},
        {"100 levels", deep, errc::invalid_json, false},
        {"no id", Json{{"command", "x"}}, errc::missing_command_sync_id, false},
        {"empty id", Json{{"command", "x"}, {"commandSyncId", ""}}, errc::missing_command_sync_id, false},
        {"numeric id", Json{{"command", "x"}, {"commandSyncId", 1}}, errc::bad_command_sync_id, false},
        {"long id", Json{{"command", "x"}, {"commandSyncId", std::string(257, 'i')}}, errc::bad_command_sync_id, false},
        {"line break in id", Json{{"command", "x"}, {"commandSyncId", "a\nb"}}, errc::bad_command_sync_id, false},
        {"no command", Json{{"commandSyncId", "c"}}, errc::missing_command, true},
        {"empty command", Json{{"command", ""}, {"commandSyncId", "c"}}, errc::missing_command, true},
        {"command is a number", Json{{"command", 1}, {"commandSyncId", "c"}}, errc::wrong_member_type, true},
        {"huge command", Json{{"command", long_text}, {"commandSyncId", "c"}}, errc::command_too_long, true},
        {"session is a number", Json{{"command", "x"}, {"commandSyncId", "c"}, {"sessionId", 1}},
         errc::wrong_member_type, true},
        {"parameters are a list", Json{{"command", "x"}, {"commandSyncId", "c"}, {"parameters", Json::array()}},
         errc::wrong_member_type, true},
        {"a parameter is an object",
         Json{{"command", "x"}, {"commandSyncId", "c"}, {"parameters", {{"a", Json::object()}}}},
         errc::wrong_member_type, true},
        {"257 parameters", Json{{"command", "x"}, {"commandSyncId", "c"}, {"parameters", many}},
         errc::too_many_parameters, true},
        {"huge parameter", Json{{"command", "x"}, {"commandSyncId", "c"}, {"parameters", {{"a", long_text}}}},
         errc::parameters_too_long, true}};
    for (const auto& row : rows) {
        const auto parsed = parsed_argument(row.argument);
        ASSERT_TRUE(parsed.error) << row.name;
        EXPECT_EQ(parsed.error->code, row.code) << row.name << ": " << parsed.error->message;
        EXPECT_EQ(parsed.answerable(), row.answerable) << row.name;
        EXPECT_LT(parsed.message.command.size(), 1000U) << row.name;
    }
}

// A mebibyte of members that mean nothing costs no tree; what counts is found wherever it stands.
TEST(CommandMessage, passes_over_what_it_does_not_know) {
    std::string text = "{";
    for (int i = 0; i < 80'000; ++i) text += "\"m" + std::to_string(i) + "\":0,";
    const auto parsed = parsed_argument(
        Json(text + R"("deep":{"command":"no","parameters":{"a":[[1]]}},"command":"x","commandSyncId":"c"})"));
    ASSERT_FALSE(parsed.error) << parsed.error->message;
    EXPECT_EQ(parsed.message, (CommandMessage{"", "x", "c", "", {}}));
}

// Beyond a limit of the JSON a message is refused, under its id if that was read by then.
TEST(CommandMessage, answers_what_breaks_a_limit_of_its_json) {
    std::string members;
    for (int i = 0; i < 140'000; ++i) members += "\"\":0,";
    std::string parameters;
    for (int i = 0; i < 70'000; ++i) parameters += "\"p" + std::to_string(i % 300) + "\":\"v\",";
    const std::string start = R"({"commandSyncId":"c","command":"x",)";
    const struct {
        const char* name;
        std::string text;
        errc code;
        bool answerable;
    } rows[] = {
        {"many brackets", start + "\"a\":" + std::string(100'000, '['), errc::invalid_json, true},
        {"many values", start + members + "\"z\":0}", errc::invalid_json, true},
        {"many values ahead of the id", '{' + members + R"("commandSyncId":"c"})", errc::invalid_json, false},
        {"many parameters", start + "\"parameters\":{" + parameters + "\"z\":0}}", errc::too_many_parameters, true},
        {"half a surrogate pair", start + R"("a":"\ud800"})", errc::invalid_json, true},
        {"a number out of range", start + R"("a":1e99999999999})", errc::invalid_json, true},
        {"cut off", start + "\"a\":", errc::invalid_json, false}};
    for (const auto& row : rows) {
        const auto parsed = parsed_argument(Json(row.text));
        ASSERT_TRUE(parsed.error) << row.name;
        EXPECT_EQ(parsed.error->code, row.code) << row.name << ": " << parsed.error->message;
        EXPECT_EQ(parsed.answerable(), row.answerable) << row.name;
    }
}

// Names that are repeated, spelt in several ways, or mean something elsewhere only.
TEST(CommandMessage, knows_which_of_several_members_counts) {
    const auto text = [](const char* members) {
        return parsed_argument(Json(R"({"commandSyncId":"c","command":"x",)" + std::string(members) + '}'));
    };
    EXPECT_EQ(text(R"("command":"y")").message.command, "y");
    EXPECT_EQ(text(R"("Command":"y")").message.command, "x");
    EXPECT_EQ(text(R"("Parameters":{"a":"1"},"parameters":{"b":"2"},"PARAMETERS":{"c":"3"})").message.parameters,
              (Parameters{{"b", "2"}}));
    EXPECT_EQ(text(R"("parameters":{"a":"1","b":"2"},"parameters":{"z":"1","c":"2"})").message.parameters,
              (Parameters{{"z", "1"}, {"c", "2"}}));
    EXPECT_EQ(text(R"("parameters":{"z":"1","a":"2","z":"3"})").message.parameters,
              (Parameters{{"z", "3"}, {"a", "2"}}));
    EXPECT_EQ(text(R"("parameters":{"a":"1"},"parameters":null)").message.parameters, Parameters{});
    EXPECT_EQ(
        text(R"("parameters":{"a":12345678901234567890123,"b":1e400,"c":-0.50,"d":18446744073709551615})")
            .message.parameters,
        (Parameters{{"a", "12345678901234567890123"}, {"b", "1e400"}, {"c", "-0.50"}, {"d", "18446744073709551615"}}));
    EXPECT_EQ(text(R"("parameters":{"a":{"b":"1"}})").error->code, errc::wrong_member_type);
    EXPECT_EQ(text(R"("parameters":{"a":[]})").error->code, errc::wrong_member_type);
    EXPECT_EQ(text(R"("parameters":["a"])").error->code, errc::wrong_member_type);
}

// The fingerprint tells content apart, and nothing else.
TEST(CommandMessage, has_a_fingerprint_of_its_content) {
    CommandMessage message;
    message.command = "x";
    message.command_sync_id = "c";
    message.parameters = {{"a", "1"}, {"b", "2"}};
    const auto original = fingerprint(message);

    auto reordered = message;
    std::swap(reordered.parameters[0], reordered.parameters[1]);
    reordered.session_id = "filled in";
    EXPECT_EQ(fingerprint(reordered), original);

    auto other_text = message;
    other_text.command = "y";
    EXPECT_NE(fingerprint(other_text), original);
    auto moved_border = message;
    moved_border.parameters = {{"a1", ""}, {"b", "2"}};
    EXPECT_NE(fingerprint(moved_border), original);
}

// The JSON form reads back as the same message.
TEST(CommandMessage, round_trips_through_json) {
    CommandMessage message{"i", "say \"hi\"", "c", "s", {{"k", "v\n"}}};
    const auto parsed = parsed_argument(Json(to_json(message)));
    ASSERT_FALSE(parsed.error);
    EXPECT_EQ(parsed.message, message);
}

// The trace goes with the message, and is no part of what the command is. What is not valid is passed over.
TEST(CommandMessage, carries_a_trace) {
    CommandMessage message{"i", "say", "c", "s", {}};
    const auto original = fingerprint(message);
    EXPECT_EQ(to_json(message).find("trace"), std::string::npos);
    message.trace = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1");
    ASSERT_FALSE(message.trace.empty());
    EXPECT_EQ(parsed_argument(Json(to_json(message))).message, message);
    EXPECT_EQ(parsed_argument(Json::parse(to_json(message))).message, message);
    EXPECT_EQ(fingerprint(message), original);
    for (const Json& bad : {Json(7), Json("x"), Json::array(), Json()}) {
        const auto parsed = parsed_argument({{"commandSyncId", "c"}, {"command", "say"}, {"traceparent", bad}});
        EXPECT_FALSE(parsed.error);
        EXPECT_TRUE(parsed.message.trace.empty());
    }
}

}  // namespace jiro::commands
