// SPDX-License-Identifier: MIT
#include "base/log_text.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <set>

#include "jiro/base/json_writer.hpp"

namespace jiro::log {

namespace {

unsigned char byte_at(std::string_view text, std::size_t index) { return static_cast<unsigned char>(text[index]); }

// Length of the well-formed UTF-8 sequence at `index`, 0 when there is none (overlong, surrogate, above U+10FFFF, cut
// off).
std::size_t utf8_length(std::string_view text, std::size_t index, char32_t& code_point) {
    const unsigned char lead = byte_at(text, index);
    std::size_t length = 0;
    if (lead < 0x80) {
        code_point = lead;
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
        code_point = lead & 0x1FU;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        code_point = lead & 0x0FU;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        code_point = lead & 0x07U;
    } else {
        return 0;
    }
    if (text.size() - index < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        const unsigned char next = byte_at(text, index + i);
        if ((next & 0xC0U) != 0x80U) return 0;
        code_point = (code_point << 6U) | (next & 0x3FU);
    }
    if (length == 3 && (code_point < 0x800 || (code_point >= 0xD800 && code_point <= 0xDFFF))) return 0;
    if (length == 4 && (code_point < 0x10000 || code_point > 0x10FFFF)) return 0;
    return length;
}

// Moves the cursor, ends a line, or reorders what is displayed.
bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

void append_hex(std::string& out, unsigned char byte) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\x";
    out += kHex[byte >> 4U];
    out += kHex[byte & 0xFU];
}

std::string_view level_name(Level level) {
    switch (level) {
        case Level::trace:
            return "trace";
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warn:
            return "warn";
        case Level::error:
            return "error";
    }
    return "info";
}

std::string_view level_colour(Level level) {
    switch (level) {
        case Level::trace:
        case Level::debug:
            return "\x1b[2m";
        case Level::info:
            return "\x1b[32m";
        case Level::warn:
            return "\x1b[33m";
        case Level::error:
            return "\x1b[1;31m";
    }
    return "";
}

// Lines of one second share its text.
class TimeText {
  public:
    explicit TimeText(bool is_utc) : is_utc_(is_utc) {}

    void append_to(std::string& out, std::chrono::system_clock::time_point time) {
        const auto since_epoch = time.time_since_epoch();
        const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
        const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch - seconds).count();
        if (text_.empty() || seconds != seconds_) render(seconds);
        out += text_;
        out += '.';
        for (const auto unit : {100, 10, 1}) out += static_cast<char>('0' + milliseconds / unit % 10);
        if (is_utc_) out += 'Z';
    }

  private:
    void render(std::chrono::seconds seconds) {
        const time_t whole = static_cast<time_t>(seconds.count());
        std::tm parts{};
        if (is_utc_) {
            gmtime_r(&whole, &parts);
        } else {
            localtime_r(&whole, &parts);
        }
        std::array<char, 40> buffer{};
        const auto length = strftime(buffer.data(), buffer.size(), is_utc_ ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &parts);
        text_.assign(buffer.data(), length);
        seconds_ = seconds;
    }

    const bool is_utc_;
    std::chrono::seconds seconds_{};
    std::string text_;
};

void append_utc(std::string& out, std::chrono::system_clock::time_point time) {
    thread_local TimeText text(true);
    text.append_to(out, time);
}

void append_local(std::string& out, std::chrono::system_clock::time_point time) {
    thread_local TimeText text(false);
    text.append_to(out, time);
}

constexpr bool is_plain(char c) { return c >= 0x20 && c < 0x7F; }

void append_escaped(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto* end = std::find_if_not(text.begin() + i, text.end(), is_plain);
        const auto run = static_cast<std::size_t>(end - text.begin()) - i;
        out.append(text, i, run);
        i += run;
        if (i == text.size()) return;
        char32_t code_point = 0;
        const std::size_t length = utf8_length(text, i, code_point);
        if (length > 0 && !is_control(code_point)) {
            out.append(text.substr(i, length));
        } else {
            for (std::size_t k = 0; k < std::max<std::size_t>(length, 1); ++k) append_hex(out, byte_at(text, i + k));
        }
        i += std::max<std::size_t>(length, 1);
    }
}

void append_field_value(std::string& out, std::string_view value) {
    const auto needs_quotes = [](char c) { return c == ' ' || c == '"' || c == '='; };
    if (!value.empty() && std::none_of(value.begin(), value.end(), needs_quotes)) return append_escaped(out, value);
    out += '"';
    for (std::size_t i = 0; i < value.size();) {
        const auto quote = std::min(value.find('"', i), value.size());
        append_escaped(out, value.substr(i, quote - i));
        if (quote < value.size()) out += "\\\"";
        i = quote + 1;
    }
    out += '"';
}

void append_sentence(std::string& out, const Record& record) {
    append_escaped(out, record.message);
    for (const RecordField& field : record.fields) {
        out += ' ';
        append_escaped(out, field.name);
        out += '=';
        append_field_value(out, field.value);
    }
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    append_escaped(out, text);
    return out;
}

std::string field_value(std::string_view value) {
    std::string out;
    append_field_value(out, value);
    return out;
}

std::string sentence(const Record& record) {
    std::string text;
    append_sentence(text, record);
    return text;
}

std::string terminal_line(const Record& record, Colour colour) {
    const bool coloured = colour == Colour::on;
    std::string line;
    append_local(line, record.time);
    line += ' ';
    if (coloured) line += level_colour(record.level);
    std::string level(level_name(record.level));
    level.resize(5, ' ');
    line += level;
    if (coloured) line += "\x1b[0m";
    std::string component(record.component);
    component.resize(std::max<std::size_t>(component.size(), 10), ' ');
    line += ' ' + component + ' ' + escaped(record.message);
    for (const RecordField& field : record.fields) {
        line += coloured ? " \x1b[36m" : " ";
        line += escaped(field.name);
        line += coloured ? "=\x1b[0m" : "=";
        line += field_value(field.value);
    }
    line += '\n';
    return line;
}

std::string prefixed_line(const Record& record) {
    std::string line;
    line.reserve(256);
    line += '<';
    line += static_cast<char>('0' + syslog_priority(record.level));
    line += '>';
    append_utc(line, record.time);
    line += ' ';
    line += record.component;
    line += ": ";
    append_sentence(line, record);
    line += '\n';
    return line;
}

std::string json_line(const Record& record) {
    std::string time;
    append_utc(time, record.time);
    JsonWriter line;
    std::set<std::string, std::less<>> names;
    const auto add = [&](std::string name, std::string_view text) {
        while (!names.insert(name).second) name += '_';  // a field never hides a member of the line
        line.member(name, text);
    };
    line.begin_object();
    add("time", time);
    add("level", level_name(record.level));
    add("component", record.component);
    if (!record.event_id.empty()) add("event_id", record.event_id);
    add("message", record.message);
    for (const RecordField& field : record.fields) add(std::string(field.name), field.value);
    line.end_object();
    return std::move(line).take() + '\n';
}

int syslog_priority(Level level) {
    switch (level) {
        case Level::trace:
        case Level::debug:
            return 7;
        case Level::info:
            return 6;
        case Level::warn:
            return 4;
        case Level::error:
            return 3;
    }
    return 6;
}

std::string for_people(std::chrono::seconds duration) {
    const auto seconds = duration.count();
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 7200) return std::to_string(seconds / 60) + " min";
    return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

}  // namespace jiro::log
