// SPDX-License-Identifier: MIT
#include "base/log_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace jiro::log {
namespace {

using namespace std::chrono_literals;

Record record(std::string_view message, std::span<const RecordField> fields, Level level = Level::info) {
    return {
        std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 10h + 5ms, level, "signalr", "", message, fields};
}

// Nothing from outside moves the cursor, ends the line or reorders it; readable text stays as it is.
TEST(LogText, escapes_what_could_harm_a_terminal) {
    struct Row {
        std::string_view name, text, escaped;
    };
    const Row rows[] = {
        {"plain", "Grüße, 日本 🎉", "Grüße, 日本 🎉"},
        {"line break", "a\r\nb", "a\\x0d\\x0ab"},
        {"colour", "\x1b[31mred", "\\x1b[31mred"},
        {"NUL and DEL", {"a\0b\x7f", 4}, "a\\x00b\\x7f"},
        {"C1 control", "\xC2\x9B", "\\xc2\\x9b"},
        {"right-to-left override", "\xE2\x80\xAE", "\\xe2\\x80\\xae"},
        {"line separator", "\xE2\x80\xA8", "\\xe2\\x80\\xa8"},
        {"stray byte", "a\xFF", "a\\xff"},
        {"cut off", "\xE2\x82", "\\xe2\\x82"},
        {"overlong", "\xC0\xAF\xE0\x80\xAF", "\\xc0\\xaf\\xe0\\x80\\xaf"},
        {"surrogate", "\xED\xA0\x80", "\\xed\\xa0\\x80"},
        {"beyond Unicode", "\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(escaped(row.text), row.escaped);
    }
}

// A value cannot pass for another field.
TEST(LogText, quotes_values_where_needed) {
    EXPECT_EQ(field_value("plain"), "plain");
    EXPECT_EQ(field_value(""), "\"\"");
    EXPECT_EQ(field_value("two words"), "\"two words\"");
    EXPECT_EQ(field_value("a=b"), "\"a=b\"");
    EXPECT_EQ(field_value("say \"x\""), "\"say \\\"x\\\"\"");
}

// The three forms of a line.
TEST(LogText, writes_the_three_forms) {
    const RecordField fields[] = {
        {"reason", "ping timeout"}, {"attempt", "3"}, {"message", "shadow"}, {"bad", "\xFF\n"}};
    const Record warning = record("Connection lost", fields, Level::warn);
    EXPECT_EQ(prefixed_line(warning),
              "<4>2026-11-22T10:00:00.005Z signalr: Connection lost reason=\"ping timeout\" attempt=3 message=shadow "
              "bad=\\xff\\x0a\n");
    const std::string plain = terminal_line(warning, Colour::off);
    EXPECT_NE(plain.find(" warn  signalr    Connection lost reason=\"ping timeout\""), std::string::npos) << plain;
    EXPECT_EQ(plain.find('\x1b'), std::string::npos);
    EXPECT_NE(terminal_line(warning, Colour::on).find("\x1b[33mwarn"), std::string::npos);

    const std::string json = json_line(warning);
    EXPECT_EQ(json.find('\n'), json.size() - 1);
    const auto parsed = nlohmann::json::parse(json);
    EXPECT_EQ(parsed.at("time"), "2026-11-22T10:00:00.005Z");
    EXPECT_EQ(parsed.at("level"), "warn");
    EXPECT_EQ(parsed.at("message"), "Connection lost");
    EXPECT_EQ(parsed.at("message_"), "shadow");
    EXPECT_EQ(parsed.at("attempt"), "3");
}

// Priorities are syslog's; durations are for people.
TEST(LogText, speaks_syslog_and_english) {
    EXPECT_EQ(syslog_priority(Level::error), 3);
    EXPECT_EQ(syslog_priority(Level::trace), 7);
    EXPECT_EQ(for_people(40s), "40 s");
    EXPECT_EQ(for_people(12min), "12 min");
    EXPECT_EQ(for_people(3h + 5min), "3 h 5 min");
}

}  // namespace
}  // namespace jiro::log
