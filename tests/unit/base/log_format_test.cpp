// SPDX-License-Identifier: MIT
#include "base/log_format.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace jiro::log {
namespace {

using namespace std::chrono_literals;

constexpr auto kTime = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 10h + 5ms;

// The line as an output writes it.
std::string formatted(const char* pattern, const Payload& payload) {
    spdlog::memory_buf_t text;
    make_formatter(pattern)->format({kTime, {}, "signalr", spdlog::level::warn, payload.text()}, text);
    return {text.data(), text.size()};
}

std::string value_in_line(std::string_view value) {
    Payload payload({}, "A");
    payload.field("v", value);
    const spdlog::details::log_msg message("test", spdlog::level::info, payload.text());
    return sentence(unpack(message));
}

// A value cannot pass for another field.
TEST(LogFormat, quotes_values_where_needed) {
    EXPECT_EQ(value_in_line("plain"), "A v=plain");
    EXPECT_EQ(value_in_line("two words"), "A v=\"two words\"");
    EXPECT_EQ(value_in_line("a=b"), "A v=\"a=b\"");
    EXPECT_EQ(value_in_line("say \"x\""), "A v=\"say \\\"x\\\"\"");
    EXPECT_EQ(value_in_line("\"\""), "A v=\"\\\"\\\"\"");
    EXPECT_EQ(value_in_line("a\n\x1b[31m"), "A v=a\\x0a\\x1b[31m");
}

// The three forms of a line.
TEST(LogFormat, writes_the_three_forms) {
    Payload warning("0123", "Connection lost");
    for (const auto& [name, value] :
         {std::pair{"reason", "ping timeout"}, {"attempt", "3"}, {"message", "shadow"}, {"bad", "\xFF\n"}}) {
        warning.field(name, value);
    }
    EXPECT_EQ(formatted(kPrefixedPattern, warning),
              "<4>2026-11-22T10:00:00.005Z signalr: Connection lost reason=\"ping timeout\" attempt=3 message=shadow "
              "bad=\\xff\\x0a\n");
    const std::string plain = formatted(kPlainPattern, warning);
    EXPECT_NE(plain.find(":00.005 warn  signalr    Connection lost reason=\"ping timeout\""), std::string::npos)
        << plain;
    EXPECT_EQ(plain.find('\x1b'), std::string::npos);
    const std::string coloured = formatted(kColouredPattern, warning);
    EXPECT_NE(coloured.find("\x1b[33mwarn \x1b[0m signalr    Connection lost \x1b[36mreason=\x1b[0m"),
              std::string::npos)
        << coloured;

    const std::string json = formatted(kJsonPattern, warning);
    EXPECT_EQ(json.find('\n'), json.size() - 1);
    const auto parsed = nlohmann::json::parse(json);
    EXPECT_EQ(parsed.at("time"), "2026-11-22T10:00:00.005Z");
    EXPECT_EQ(parsed.at("level"), "warn");
    EXPECT_EQ(parsed.at("component"), "signalr");
    EXPECT_EQ(parsed.at("event_id"), "0123");
    EXPECT_EQ(parsed.at("message"), "Connection lost");
    EXPECT_EQ(parsed.at("message_"), "shadow");
    EXPECT_EQ(parsed.at("attempt"), "3");
}

// Priorities are syslog's.
TEST(LogFormat, speaks_syslog) {
    EXPECT_EQ(syslog_priority(spdlog::level::err), 3);
    EXPECT_EQ(syslog_priority(spdlog::level::warn), 4);
    EXPECT_EQ(syslog_priority(spdlog::level::info), 6);
    EXPECT_EQ(syslog_priority(spdlog::level::trace), 7);
}

}  // namespace
}  // namespace jiro::log
