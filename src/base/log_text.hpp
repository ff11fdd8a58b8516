// SPDX-License-Identifier: MIT
#pragma once
// A record as text. Pure. Whatever came from outside cannot move the cursor, start a line of its own or break the
// terminal: control characters, bidirectional overrides and bytes that are not UTF-8 are written as \xNN.

#include <string>
#include <string_view>

#include "jiro/base/log.hpp"

namespace jiro::log {

[[nodiscard]] std::string escaped(std::string_view text);

// The value as it stands after `key=`: quoted when it holds a space, a quote or an equals sign, or is empty.
[[nodiscard]] std::string field_value(std::string_view value);

// "Connection lost reason=\"ping timeout\" hub=hub.example"
[[nodiscard]] std::string sentence(const Record& record);

enum class Colour { off, on };
// For a person at a terminal: local time, level, component, sentence. Ends with a newline, as the other two.
[[nodiscard]] std::string terminal_line(const Record& record, Colour colour);
// For a pipe: "<4>2026-11-22T10:00:00.000Z signalr: ...", the number being the syslog priority.
[[nodiscard]] std::string prefixed_line(const Record& record);
// One JSON object; fields are members of it.
[[nodiscard]] std::string json_line(const Record& record);

// 3 (error) to 7 (debug and trace).
[[nodiscard]] int syslog_priority(Level level);
// "40 s", "12 min", "3 h 5 min".
[[nodiscard]] std::string for_people(std::chrono::seconds duration);

}  // namespace jiro::log
