// The quick JSON parser beside the thorough one: it may give up, but what it accepts is the same tree.
#include "signalr/protocol/json_tree.hpp"

#include <gtest/gtest.h>

#include <random>

#include "signalr/protocol/json_reader.hpp"

namespace jiro::signalr {
namespace {

using nlohmann::json;

constexpr int kDepth = 8;

int depth_of(const json& value) {
    int deepest = 0;
    if (!value.is_structured()) return 0;
    for (const auto& item : value) deepest = std::max(deepest, depth_of(item));
    return deepest + 1;
}

// Also the kinds of numbers, which == does not tell apart.
std::string exact(const json& value) {
    std::string text = std::to_string(static_cast<int>(value.type()));
    if (!value.is_structured()) return text + value.dump();
    for (const auto& [name, item] : value.items()) text += '<' + name + '=' + exact(item) + '>';
    return text;
}

// True when it was accepted; then it is what the thorough parser makes of it.
bool accepts(const std::string& text) {
    const auto quick = read_json_tree(text, kDepth);
    if (!quick) return false;
    const auto thorough = json::parse(text, nullptr, false);
    EXPECT_FALSE(thorough.is_discarded()) << text;
    if (!thorough.is_discarded()) {
        EXPECT_EQ(exact(*quick), exact(thorough)) << text;
        EXPECT_LE(depth_of(thorough), kDepth) << text;
    }
    return true;
}

TEST(JsonTree, reads_what_hubs_send) {
    for (const char* text :
         {R"({"type":1,"target":"ReceiveCommand","arguments":[{"command":"echo abc","parameters":{"a":"b"}}]})",
          R"({"type":6})",
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
          "-1",
          "1234567890123456789",
          "9223372036854775807",
          "18446744073709551615",
          "-9223372036854775808",
          R"({"a":1,"a":{"b":2},"a":[3]})",
          "[[[[[[[[]]]]]]]]"}) {
        EXPECT_TRUE(accepts(text)) << text;
    }
}

// Left to the thorough parser, or no JSON: fractions and big numbers, depth, bytes that are not UTF-8.
TEST(JsonTree, gives_up_on_the_rest) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "{\"a\":1,}",
                             "[1,]",
                             "{a:1}",
                             "truex",
                             "\"abc",
                             "\"\\x\"",
                             "\"\\ud83d\"",
                             "\"a\nb\"",
                             "\"\xC0\x80\"",
                             "\"\xED\xA0\x80\"",
                             "\"\xFF\"",
                             "01",
                             "1.5",
                             "0.1",
                             "1e3",
                             "18446744073709551616",
                             "1e999",
                             "1 2",
                             "{}{}",
                             "[[[[[[[[[]]]]]]]]]",
                             "\xEF\xBB\xBF{}"}) {
        EXPECT_FALSE(accepts(text)) << text;
    }
    EXPECT_FALSE(accepts(std::string("{}\0", 3)));
    accepts("-0");  // either way
}

// Any byte of a message may be another one, or be missing; what the quick parser refuses, the thorough one judges.
TEST(JsonTree, agrees_on_damaged_records) {
    const std::string seed =
        R"({"type":1,"headers":{"a":"b"},"arguments":[{"command":"echo \u00e4 äöü","n":-12,"m":[0,12,true,null]}]})";
    const std::string bytes = "\"\\{}[]:,0123456789-+.eEutrfalsn \t\n\x01\x7f\x80\xC3\xA4\xED\xF4\xFF";
    std::mt19937 random(7);
    int accepted = 0;
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
        if (accepts(text)) ++accepted;
        EXPECT_EQ(json::accept(text), read_json_object(text).has_value()) << text;
    }
    EXPECT_GT(accepted, 1000);
}

// A text of any length, with what needs care at any place in it.
TEST(JsonTree, finds_what_needs_care_at_any_place) {
    for (std::size_t length = 0; length < 40; ++length) {
        for (std::size_t at = 0; at <= length; ++at) {
            for (const char* care : {"", "\\n", "\xC3\xA9", "\x01", "\xFF", "\""}) {
                std::string text(length, 'x');
                text.insert(at, care);
                const std::string whole = '"' + text + '"';
                EXPECT_EQ(json::accept(whole), accepts(whole)) << whole;
            }
        }
    }
}

}  // namespace
}  // namespace jiro::signalr
