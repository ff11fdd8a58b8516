// SPDX-License-Identifier: MIT
#include "jiro/base/json.hpp"

#include <gtest/gtest.h>

#include <random>

namespace jiro {
namespace {

using nlohmann::json;

constexpr std::size_t kMebibyte = 1024 * 1024;
constexpr JsonLimits kSmall{.bytes = 100'000, .depth = 8, .nodes = 1000, .members = 100};

// Also the kinds of numbers, which == does not tell apart.
std::string exact(const json& value) {
    std::string text = std::to_string(static_cast<int>(value.type()));
    if (!value.is_structured()) return text + value.dump();
    for (const auto& [name, item] : value.items()) text += '<' + name + '=' + exact(item) + '>';
    return text;
}

// nlohmann's parser, of which the reader uses nothing, is the judge: the same tree, or refused by both.
void expect_agreement(const std::string& text) {
    const auto ours = read_json(text, kSmall);
    const auto theirs = json::parse(text, nullptr, false);
    ASSERT_EQ(ours.has_value(), !theirs.is_discarded()) << text << (ours ? "" : ours.error().message);
    if (!ours) return;
    EXPECT_EQ(exact(*ours), exact(theirs)) << text;
}

std::string repeated(std::string_view unit, std::size_t bytes) {
    std::string text;
    while (text.size() + unit.size() <= bytes) text += unit;
    return text;
}

boost::system::error_code fault_of(std::string_view text, const JsonLimits& limits = kSmall) {
    const auto value = read_json(text, limits);
    return value ? boost::system::error_code() : value.error().code;
}

// What JSON says, to the last bit.
TEST(Json, reads_every_kind_of_value) {
    for (const char* text :
         {R"({"type":1,"target":"ReceiveCommand","arguments":[{"command":"echo","parameters":{"a":"b"}}]})",
          " {\t\"a\" : [ 1 , 2,3 ]\r\n } ",
          "{}",
          "[]",
          "[[],{}]",
          "null",
          "true",
          "false",
          R"("")",
          R"("\u0022\u003cb\u003E \ud83d\ude00 \u00e9\u20AC\u0000")",
          R"("\"\\\/\b\f\n\r\t")",
          "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
          "0",
          "-0",
          "-0.0",
          "-1",
          "9223372036854775807",
          "18446744073709551615",
          "18446744073709551616",
          "-9223372036854775808",
          "-9223372036854775809",
          "1.5",
          "0.1",
          "1e3",
          "1.7976931348623157e308",
          "4.9e-324",
          "1e-400",
          "1E+00000000000000000001",
          "123456789012345678901234567890.125",
          R"({"a":1,"a":{"b":2},"a":[3]})",
          "[[[[[[[[]]]]]]]]"}) {
        expect_agreement(text);
    }
    EXPECT_EQ(*read_json(R"({"a":1,"a":2})"), json({{"a", 2}}));
}

// Every fault has its name, and no message quotes the text.
TEST(Json, names_what_is_wrong) {
    const std::string many = '[' + repeated("0,", 4000) + "0]";
    std::string members = "{";
    for (int i = 0; i < 101; ++i) members += "\"canary" + std::to_string(i) + "\":0,";
    const struct {
        const char* name;
        std::string text;
        JsonFault fault;
    } rows[] = {{"nothing", "", JsonFault::not_json},
                {"blanks", " \n", JsonFault::not_json},
                {"half an object", R"({"canary":)", JsonFault::not_json},
                {"text behind", "{}canary", JsonFault::not_json},
                {"a second value", "1 2", JsonFault::not_json},
                {"NUL behind", std::string("{}\0canary", 9), JsonFault::not_json},
                {"comma before the end", "[1,]", JsonFault::not_json},
                {"name without quotes", "{canary:1}", JsonFault::not_json},
                {"single quotes", "['canary']", JsonFault::not_json},
                {"unknown escape", R"(["canary\x"])", JsonFault::not_json},
                {"line break in a text", "[\"canary\n\"]", JsonFault::not_json},
                {"leading zero", "[01]", JsonFault::not_json},
                {"NaN", "[NaN]", JsonFault::not_json},
                {"byte order mark", "\xEF\xBB\xBF{}", JsonFault::byte_order_mark},
                {"comment ahead", "// canary\n{}", JsonFault::comment},
                {"comment inside", "{\"a\":1, /* canary */ \"b\":2}", JsonFault::comment},
                {"comment behind", "{} // canary", JsonFault::comment},
                {"bytes", "[\"canary\xFF\"]", JsonFault::not_utf8},
                {"overlong", "[\"\xC0\x80\"]", JsonFault::not_utf8},
                {"a surrogate in UTF-8", "[\"\xED\xA0\x80\"]", JsonFault::not_utf8},
                {"first half alone", R"(["\ud83dcanary"])", JsonFault::lone_surrogate},
                {"first half at the end", R"(["\uD83D"])", JsonFault::lone_surrogate},
                {"first half twice", R"(["\ud83d\ud83d"])", JsonFault::lone_surrogate},
                {"first half and a letter", R"(["\ud83d\u0041"])", JsonFault::lone_surrogate},
                {"second half alone", R"(["\ude80"])", JsonFault::lone_surrogate},
                {"huge number", "[1e999]", JsonFault::number_out_of_range},
                {"huge exponent", "[1e99999999999]", JsonFault::number_out_of_range},
                {"nine levels", "[[[[[[[[[]]]]]]]]]", JsonFault::too_deep},
                {"many brackets", std::string(90'000, '['), JsonFault::too_deep},
                {"many braces", repeated("{\"\":", 90'000), JsonFault::too_deep},
                {"many values", many, JsonFault::too_many_values},
                {"many members", members + "\"z\":0}", JsonFault::too_many_members},
                {"one member many times", '{' + repeated("\"a\":0,", 900) + "\"a\":0}", JsonFault::too_many_members},
                {"long", '"' + std::string(100'000, 'x') + '"', JsonFault::too_long}};
    for (const auto& row : rows) {
        const auto value = read_json(row.text, kSmall);
        ASSERT_FALSE(value) << row.name;
        EXPECT_EQ(value.error().code, make_error_code(row.fault)) << row.name << ": " << value.error().message;
        EXPECT_EQ(value.error().message.find("canary"), std::string::npos) << row.name;
    }
}

// What stood before a fault is there; a number that is none leaves the rest as it is.
TEST(Json, gives_what_stood_before_a_fault) {
    const struct {
        const char* text;
        const char* before;
    } rows[] = {
        {R"({"a":1,"b":[2,"\ud800"],"c":3})", R"({"a":1,"b":[2]})"},
        {R"({"a":1,"b":[2,1e400],"c":3})", R"({"a":1,"b":[2,null],"c":3})"},
        {R"({"a":1,"b":[2,1e999999999],"c":3})", R"({"a":1,"b":[2,null],"c":3})"},
        {R"({"a":1,"b":[2,1e1000000000],"c":3})", R"({"a":1,"b":[2]})"},
        {R"({"a":1,"b":[2,1e99999999999],"c":3})", R"({"a":1,"b":[2]})"},
        {R"({"a":1,"b":[2,0e-99999999999],"c":3})", R"({"a":1,"b":[2]})"},
    };
    for (const auto& row : rows) {
        JsonTree tree;
        EXPECT_TRUE(read_json(row.text, {}, tree) || tree.is_out_of_range()) << row.text;
        EXPECT_FALSE(read_json(row.text)) << row.text;
        EXPECT_EQ(std::move(tree).take().dump(), row.before);
    }
}

// A caller cannot ask for more depth than recursion stands.
TEST(Json, has_a_depth_that_no_caller_can_raise) {
    const JsonLimits generous{.bytes = SIZE_MAX, .depth = SIZE_MAX, .nodes = SIZE_MAX, .members = SIZE_MAX};
    EXPECT_FALSE(fault_of(std::string(64, '[') + std::string(64, ']'), generous));
    EXPECT_EQ(fault_of(std::string(65, '[') + std::string(65, ']'), generous), make_error_code(JsonFault::too_deep));
    EXPECT_EQ(fault_of(std::string(4 * kMebibyte, '['), generous), make_error_code(JsonFault::too_deep));
}

// By default a mebibyte of anything is read or refused with few pieces in memory: the limits hold before the tree
// grows.
TEST(Json, bounds_the_tree_of_a_mebibyte) {
    for (const char* unit : {"[],", "{},", "\"\",", "0,", "1.5,", "{\"\":0},", "null,"}) {
        EXPECT_EQ(fault_of('[' + repeated(unit, kMebibyte - 8) + "0]", {}), make_error_code(JsonFault::too_many_values))
            << unit;
    }
    EXPECT_EQ(fault_of('{' + repeated("\"a\":0,", kMebibyte - 8) + "\"a\":0}", {}),
              make_error_code(JsonFault::too_many_members));
    for (const char* unit : {"x", "\\u0000", "\\ud83d\\ude00", "\xC3\xA9"}) {
        EXPECT_FALSE(fault_of('"' + repeated(unit, kMebibyte - 8) + '"', {})) << unit;
    }
}

// Any byte of a text may be another one, or be missing.
TEST(Json, agrees_with_another_parser_on_damaged_texts) {
    const std::string seed =
        R"({"type":1,"headers":{"a":"b"},"arguments":[{"command":"echo \u00e4 äöü","n":-12.5e2,"m":[0,12,true,null]}]})";
    const std::string bytes = "\"\\{}[]:,0123456789-+.eEutrfalsn \t\n\x01\x7f\x80\xC3\xA4\xED\xF4\xFF";
    std::mt19937 random(7);
    for (int i = 0; i < 20'000; ++i) {
        std::string text = seed;
        for (auto changes = 1 + random() % 3; changes > 0; --changes) {
            const auto at = random() % text.size();
            const char other = bytes[random() % bytes.size()];
            switch (random() % 3) {
                case 0:
                    text[at] = other;
                    break;
                case 1:
                    text.insert(at, 1, other);
                    break;
                default:
                    text.erase(at, 1);
            }
        }
        ASSERT_NO_FATAL_FAILURE(expect_agreement(text));
    }
}

// A text of any length, with what needs care at any place in it.
TEST(Json, finds_what_needs_care_at_any_place) {
    for (std::size_t length = 0; length < 40; ++length) {
        for (std::size_t at = 0; at <= length; ++at) {
            for (const char* care : {"", "\\n", "\xC3\xA9", "\x01", "\xFF", "\""}) {
                std::string text(length, 'x');
                text.insert(at, care);
                expect_agreement('"' + text + '"');
            }
        }
    }
}

}  // namespace
}  // namespace jiro
