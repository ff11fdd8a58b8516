// SPDX-License-Identifier: MIT
#include "jiro/base/json_writer.hpp"

#include <gtest/gtest.h>

namespace jiro {
namespace {

std::string copied(std::string_view text, JsonWriter::Layout layout = JsonWriter::Layout::compact) {
    JsonWriter writer(layout);
    EXPECT_FALSE(read_json(text, {}, writer)) << text;
    return std::move(writer).take();
}

// Members stay in their order, and numbers as they were written.
TEST(JsonWriter, writes_what_is_read) {
    for (const char* text :
         {"{}", "[]", "null", R"("")", R"({"z":1,"a":[true,false,null,{"b":{}},[]],"m":"x"})",
          "[12345678901234567890123,1.10,1e400,-0,0.1E-7]", R"({"a":1,"a":2})", R"("\"\\\n\u0001é😀")"}) {
        EXPECT_EQ(copied(text), text);
    }
    EXPECT_EQ(copied(" [ 1 ,\t\"\\u00e9\\/\" ]\n"), "[1,\"é/\"]");
}

// Every character of ASCII, at any place of a block, a word and what is left behind them, as another writer has it.
TEST(JsonWriter, escapes_what_must_be) {
    for (int c = 0; c < 0x80; ++c) {
        for (std::size_t at = 0; at < 45; ++at) {
            std::string text(45, 'x');
            text[at] = static_cast<char>(c);
            JsonWriter writer;
            writer.string(text);
            EXPECT_EQ(std::move(writer).take(), nlohmann::json(text).dump());
        }
    }
}

// So are other characters, and what is none.
TEST(JsonWriter, writes_what_is_not_ascii) {
    for (std::size_t at = 0; at < 45; ++at) {
        for (const std::string_view bytes : {"é", "😀", "\xFF"}) {
            const std::string text = std::string(at, 'x') + std::string(bytes) + '"' + std::string(45, 'x');
            JsonWriter writer;
            writer.string(text);
            EXPECT_EQ(std::move(writer).take(),
                      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        }
    }
}

TEST(JsonWriter, indents_by_two) {
    EXPECT_EQ(copied(R"({"a":[1,{}],"b":{"c":[]}})", JsonWriter::Layout::indented),
              "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
    EXPECT_EQ(copied("7", JsonWriter::Layout::indented), "7");
}

// What is no JSON of its own becomes what JSON can say.
TEST(JsonWriter, writes_values_of_the_program) {
    JsonWriter writer;
    writer.begin_object();
    writer.member("text", "a\xFFz");
    writer.member("yes", true);
    writer.member("big", std::uint64_t{18446744073709551615U});
    writer.member("half", 0.5);
    writer.member("none", std::optional<double>());
    writer.member("list", std::vector<std::string>{"x", "y"});
    writer.end_object();
    EXPECT_EQ(std::move(writer).take(),
              "{\"text\":\"a\xEF\xBF\xBDz\",\"yes\":true,\"big\":18446744073709551615,\"half\":0.5,\"none\":null,"
              "\"list\":[\"x\",\"y\"]}");
}

}  // namespace
}  // namespace jiro
