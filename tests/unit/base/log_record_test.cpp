// SPDX-License-Identifier: MIT
#include "base/log_record.hpp"

#include <gtest/gtest.h>

namespace jiro::log {
namespace {

// A message of spdlog's that outlives its call; its payload is `payload`.
KeptLine kept(const Payload& payload) { return KeptLine({"test", spdlog::level::warn, payload.text()}); }

// All of a line comes back, and nothing of it refers to the caller's memory.
TEST(LogRecord, fields_travel_in_the_payload) {
    KeptLine line;
    {
        const std::string value = "a value that is too long for a short string, too";
        Payload payload("event", std::string("A sentence that is too long for a short string"));
        payload.field("text", value);
        payload.field("number", "-7");
        payload.field("bytes", std::string_view("\0\x02=\"\n", 5));
        line = kept(payload);
    }
    const auto message = line.message();
    const Record record = unpack(message);
    EXPECT_EQ(record.level, spdlog::level::warn);
    EXPECT_EQ(record.component, "test");
    EXPECT_EQ(record.event_id, "event");
    EXPECT_EQ(record.message, "A sentence that is too long for a short string");
    ASSERT_EQ(record.fields.size(), 3U);
    EXPECT_EQ(record.fields[0].name, "text");
    EXPECT_EQ(record.fields[0].value, "a value that is too long for a short string, too");
    EXPECT_EQ(record.fields[1].value, "-7");
    EXPECT_EQ(record.fields[2].value, std::string_view("\0\x02=\"\n", 5));
}

// Empty values say nothing and are left out.
TEST(LogRecord, leaves_empty_values_out) {
    Payload payload({}, {});
    payload.field("empty", "");
    payload.field("c", "1.5");
    const KeptLine line = kept(payload);
    const auto message = line.message();
    const Record record = unpack(message);
    EXPECT_EQ(record.message, "");
    ASSERT_EQ(record.fields.size(), 1U);
    EXPECT_EQ(record.fields[0].name, "c");
}

// Whatever a peer says is at most 500 bytes of a line, and no half character stands at the cut.
TEST(LogRecord, cuts_long_values) {
    std::string long_text;
    while (long_text.size() < 900'000) long_text += "\xE2\x82\xAC";
    Payload payload({}, long_text);
    payload.field("reason", long_text);
    payload.field("fits", std::string(Logger::kMaxValueBytes, 'x'));
    const KeptLine line = kept(payload);
    const auto message = line.message();
    const Record record = unpack(message);
    EXPECT_LE(record.message.size(), Logger::kMaxSentenceBytes);
    ASSERT_EQ(record.fields.size(), 2U);
    EXPECT_LE(record.fields[0].value.size(), 500U);
    EXPECT_GE(record.fields[0].value.size(), 490U);
    EXPECT_TRUE(record.fields[0].value.ends_with("\xE2\x82\xAC...")) << record.fields[0].value;
    EXPECT_EQ(record.fields[1].value, std::string(500, 'x'));
}

// A message of a library that logs through spdlog is a sentence; a payload that is cut off does no harm.
TEST(LogRecord, takes_what_is_not_packed) {
    const spdlog::details::log_msg plain("library", spdlog::level::info, "its own words");
    EXPECT_EQ(unpack(plain).message, "its own words");
    EXPECT_TRUE(unpack(plain).fields.empty());
    Payload payload("event", "A sentence");
    payload.field("name", "value");
    const std::string whole(payload.text().data(), payload.text().size());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const spdlog::details::log_msg cut("test", spdlog::level::info, spdlog::string_view_t(whole.data(), size));
        EXPECT_LE(unpack(cut).message.size(), 10U);
    }
}

// Numbers at their limits fit; a field keeps its number when it is copied.
TEST(LogField, writes_numbers) {
    EXPECT_EQ(Field("n", INT64_MIN).value(), "-9223372036854775808");
    EXPECT_EQ(Field("n", UINT64_MAX).value(), "18446744073709551615");
    EXPECT_EQ(Field("n", -1.7976931348623157e308).value(), "-1.7976931348623157e+308");
    EXPECT_EQ(Field("n", std::chrono::milliseconds(1500)).value(), "1500");
    const Field copy = Field("n", 42);
    EXPECT_EQ(copy.value(), "42");
}

}  // namespace
}  // namespace jiro::log
