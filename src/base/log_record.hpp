// SPDX-License-Identifier: MIT
#pragma once
// A log line on its way from the caller to the sink's thread. The caller packs it into one piece of memory, which owns
// all text, and may go on; the thread unpacks it.

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
    std::vector<RecordField> fields;

    [[nodiscard]] Record record() const { return {time, level, component, event_id, message, fields}; }
};

class PackedLine {
  public:
    PackedLine() = default;
    // An empty value says nothing: such a field is left out.
    PackedLine(Level level, std::string_view component, std::string_view event_id, std::string_view message,
               Fields fields);

    [[nodiscard]] Level level() const;
    // `entry` is overwritten; its memory is used again.
    void unpack(Entry& entry) const;

  private:
    struct Head;
    struct FieldHead;

    std::string bytes_;  // Head, a FieldHead for each field, the message, the values
};

}  // namespace jiro::log
