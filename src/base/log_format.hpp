// SPDX-License-Identifier: MIT
#pragma once
// A line as text: patterns of spdlog's with flags of our own. Texts from outside are escaped (base/text.hpp), so that
// they cannot start a line of their own, pass for another field or break the terminal.

#include <spdlog/formatter.h>

#include <memory>
#include <string>

#include "base/log_record.hpp"

namespace jiro::log {

// For a person at a terminal: local time, level, component, sentence; without and with colours.
inline constexpr const char* kPlainPattern = "%H:%M:%S.%e %k %-10n %w";
inline constexpr const char* kColouredPattern = "%H:%M:%S.%e %K %-10n %W";
// For a pipe: "<4>2026-11-22T10:00:00.000Z signalr: ...", the number being the syslog priority.
inline constexpr const char* kPrefixedPattern = "<%q>%Y-%m-%dT%H:%M:%S.%eZ %n: %w";
// One JSON object; fields are members of it.
inline constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%j)";

// Lines end with a newline.
[[nodiscard]] std::unique_ptr<spdlog::formatter> make_formatter(const char* pattern);

// `Connection lost reason="ping timeout" hub=hub.example`: a value is quoted when it holds a space, a quote or an
// equals sign.
[[nodiscard]] std::string sentence(const Record& record);

// 3 (error) to 7 (debug and trace).
[[nodiscard]] int syslog_priority(spdlog::level::level_enum level);

}  // namespace jiro::log
