// SPDX-License-Identifier: MIT
#include "base/log_record.hpp"

#include <gtest/gtest.h>

namespace jiro::log {
namespace {

// All of a line comes back, and nothing of it refers to the caller's memory.
TEST(PackedLine, keeps_its_own_text) {
    PackedLine line;
    {
        const std::string message = "A sentence that is too long for a short string";
        const std::string value = "a value that is too long for a short string, too";
        line = PackedLine(Level::warn, "test", "event", message, {{"text", value}, {"number", -7}, {"flag", true}});
    }
    EXPECT_EQ(line.level(), Level::warn);
    Entry entry;
    line.unpack(entry);
    EXPECT_EQ(entry.level, Level::warn);
    EXPECT_EQ(entry.component, "test");
    EXPECT_EQ(entry.event_id, "event");
    EXPECT_EQ(entry.message, "A sentence that is too long for a short string");
    ASSERT_EQ(entry.fields.size(), 3U);
    EXPECT_EQ(entry.fields[0].name, "text");
    EXPECT_EQ(entry.fields[0].value, "a value that is too long for a short string, too");
    EXPECT_EQ(entry.fields[1].value, "-7");
    EXPECT_EQ(entry.fields[2].value, "true");
}

// An entry that held another line before shows nothing of it; empty values are left out.
TEST(PackedLine, overwrites_the_entry) {
    Entry entry;
    PackedLine(Level::info, "test", "", "first", {{"a", "1"}, {"b", "2"}}).unpack(entry);
    PackedLine(Level::info, "test", "", "", {{"empty", ""}, {"c", 1.5}}).unpack(entry);
    EXPECT_EQ(entry.message, "");
    ASSERT_EQ(entry.fields.size(), 1U);
    EXPECT_EQ(entry.fields[0].name, "c");
    EXPECT_EQ(entry.fields[0].value, "1.5");
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
