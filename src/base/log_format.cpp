// SPDX-License-Identifier: MIT
#include "base/log_format.hpp"

#include <spdlog/pattern_formatter.h>

#include <algorithm>
#include <array>

#include "base/log_record.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"

namespace jiro::log {

namespace {

struct LevelText {
    std::string_view name, padded, coloured;
    int priority;  // syslog's
};

const LevelText& text_of(spdlog::level::level_enum level) {
    static constexpr std::array<LevelText, 5> kTexts{{{"trace", "trace", "\x1b[2mtrace\x1b[0m", 7},
                                                      {"debug", "debug", "\x1b[2mdebug\x1b[0m", 7},
                                                      {"info", "info ", "\x1b[32minfo \x1b[0m", 6},
                                                      {"warn", "warn ", "\x1b[33mwarn \x1b[0m", 4},
                                                      {"error", "error", "\x1b[1;31merror\x1b[0m", 3}}};
    return kTexts[std::min<std::size_t>(static_cast<std::size_t>(level), kTexts.size() - 1)];
}

void append_field_value(std::string& out, std::string_view value) {
    if (plain_length<0x21, '=', '"', 0x7F>(value) == value.size()) {
        out.append(value);
        return;
    }
    if (value.find_first_of(" =\"") == std::string_view::npos) return append_escaped(out, value);
    for (out += '"';; out += "\\\"") {
        const auto quote = value.find('"');
        append_escaped(out, value.substr(0, quote));
        if (quote == std::string_view::npos) break;
        value.remove_prefix(quote + 1);
    }
    out += '"';
}

void append_sentence(std::string& out, const Record& record, std::string_view before, std::string_view after) {
    append_escaped(out, record.message);
    for (const RecordField& field : record.fields) {
        out.append(before).append(field.name);  // a name of ours
        append_field_value(out.append(after), field.value);
    }
}

// What follows `{"time":"...",`. A field never hides a member of the line.
void append_members(std::string& out, const Record& record) {
    static constexpr std::array<std::string_view, 5> kMembers{"time", "level", "component", "event_id", "message"};
    JsonWriter line;
    line.begin_object();
    line.member("level", text_of(record.level).name);
    line.member("component", record.component);
    if (!record.event_id.empty()) line.member("event_id", record.event_id);
    line.member("message", record.message);
    for (const auto& [name, value] : record.fields) {
        const bool is_taken = std::ranges::find(kMembers, name) != kMembers.end();
        line.member(std::string(name) + (is_taken ? "_" : ""), value);
    }
    line.end_object();
    out.append(std::move(line).take(), 1);
}

// A flag of a pattern: writes something of the message.
using Append = void (*)(std::string& out, const spdlog::details::log_msg& message);

class Flag final : public spdlog::custom_flag_formatter {
  public:
    explicit Flag(Append append) : append_(append) {}

    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
        text_.clear();
        append_(text_, message);
        out.append(text_.data(), text_.data() + text_.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<Flag>(append_);
    }

  private:
    const Append append_;
    std::string text_;  // its memory is used again
};

}  // namespace

std::unique_ptr<spdlog::formatter> make_formatter(const char* pattern) {
    using Message = spdlog::details::log_msg;
    const bool is_for_a_person = pattern == kPlainPattern || pattern == kColouredPattern;
    auto formatter = std::make_unique<spdlog::pattern_formatter>(is_for_a_person ? spdlog::pattern_time_type::local
                                                                                 : spdlog::pattern_time_type::utc);
    // Letters that spdlog's own flags leave free.
    const auto flag = [&](char name, Append append) { formatter->add_flag<Flag>(name, append); };
    flag('w', [](std::string& out, const Message& line) { append_sentence(out, unpack(line), " ", "="); });
    flag('W',
         [](std::string& out, const Message& line) { append_sentence(out, unpack(line), " \x1b[36m", "=\x1b[0m"); });
    flag('j', [](std::string& out, const Message& line) { append_members(out, unpack(line)); });
    flag('k', [](std::string& out, const Message& line) { out += text_of(line.level).padded; });
    flag('K', [](std::string& out, const Message& line) { out += text_of(line.level).coloured; });
    flag('q', [](std::string& out, const Message& line) { out += std::to_string(syslog_priority(line.level)); });
    formatter->set_pattern(pattern);
    return formatter;
}

std::string sentence(const Record& record) {
    std::string text;
    append_sentence(text, record, " ", "=");
    return text;
}

int syslog_priority(spdlog::level::level_enum level) { return text_of(level).priority; }

}  // namespace jiro::log
