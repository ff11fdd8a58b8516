#pragma once
// A log line on its way from the caller to the sink's thread: owns its text, so that the caller may go on.

#include <chrono>
#include <string>
#include <vector>

#include "jiro/base/log.hpp"

namespace jiro::log {

struct Entry {
    std::chrono::system_clock::time_point time;
    std::chrono::steady_clock::time_point monotonic;
    Level level = Level::info;
    std::string_view component;  // literals of the Logger and of the fields: see log.hpp
    std::string_view event_id;
    std::string message;
    std::vector<Field> fields;

    [[nodiscard]] Record record() const { return {time, level, component, event_id, message, fields}; }
};

}  // namespace jiro::log
