// SPDX-License-Identifier: MIT
#include "daemon/requests/answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// .NET's DateTime has ticks of 100 ns, and Z means UTC.
TEST(Answers, dates_are_iso_8601_with_ticks) {
    const WallTime time = std::chrono::sys_days(std::chrono::year(2025) / 8 / 6) + 13h + 53min + 19s + 123'456'700ns;
    EXPECT_EQ(date_text(time), "2025-08-06T13:53:19.1234567Z");
    EXPECT_EQ(date_text(std::chrono::sys_days(std::chrono::year(1969) / 12 / 31)), "1969-12-31T00:00:00.0000000Z");
}

// The limit is that of the JSON text, in which a character may take six bytes; characters are never halved.
TEST(Answers, texts_are_cut_to_their_bytes_as_json) {
    EXPECT_EQ(text_within("short", 100), "short");
    const std::string_view rows[] = {"abcdefghij", "\x01\x02\x03\x04", "ö∂🚀", "\"\\\n\t", "\xFF\xFE broken"};
    for (const auto row : rows) {
        std::string text;
        while (text.size() < 100'000) text += row;
        for (const std::size_t limit : {200U, 1000U, 32'000U}) {
            const std::string cut = text_within(text, limit);
            EXPECT_LE(json_bytes(cut), limit);
            EXPECT_THAT(cut, HasSubstr(" bytes in all]"));
            EXPECT_EQ(json::parse(json(cut).dump()), json(cut));
        }
    }
}

TEST(Answers, lists_say_what_was_left_out) {
    std::vector<json> items(1000, json(std::string(100, 'x')));
    json answer;
    add_items(answer, "Items", items, "things", 32'768);
    EXPECT_LE(json_bytes(answer), 32'768U);
    EXPECT_GT(answer["Items"].size(), 300U);
    EXPECT_THAT(answer["Note"].get<std::string>(),
                StartsWith(std::to_string(answer["Items"].size()) + " of 1000 things"));

    json small;
    add_items(small, "Items", {json(1), json(2)}, "things", 32'768);
    EXPECT_FALSE(small.contains("Note"));
    EXPECT_EQ(small["Items"], json::array({1, 2}));
}

// One that is too long by itself does not keep the others away.
TEST(Answers, an_item_that_is_too_long_is_passed_over) {
    json answer;
    add_items(answer, "Items", {json("a"), json(std::string(40'000, 'x')), json("b")}, "things", 32'768);
    EXPECT_EQ(answer["Items"], json::array({"a", "b"}));
    EXPECT_THAT(answer["Note"].get<std::string>(), StartsWith("2 of 3 things"));
}

}  // namespace
}  // namespace jiro::daemon
