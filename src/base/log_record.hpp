// SPDX-License-Identifier: MIT
#pragma once
// How fields travel through spdlog, whose messages know a text only: the payload of a message is a packed line. A
// payload that is not packed (a library's own logger) is a sentence without fields.

#include <spdlog/common.h>
#include <spdlog/sinks/sink.h>

#include <boost/container/small_vector.hpp>
#include <string>
#include <string_view>

#include "jiro/base/log.hpp"

namespace jiro::log {

// Packs one line; the texts are copied. A field without a value says nothing, and is left out.
class Payload {
  public:
    Payload(std::string_view event_id, std::string_view sentence);
    void field(std::string_view name, std::string_view value);
    [[nodiscard]] spdlog::string_view_t text() const { return {bytes_.data(), bytes_.size()}; }

  private:
    static constexpr std::size_t kUsualBytes = 640;  // these need no memory of their own

    fmt::basic_memory_buffer<char, kUsualBytes> bytes_;
};

// One line as the sinks see it: views into a message.
struct RecordField {
    std::string_view name;
    std::string_view value;
};
struct Record {
    std::chrono::system_clock::time_point time;
    spdlog::level::level_enum level;
    std::string_view component;
    std::string_view event_id;
    std::string_view message;
    boost::container::small_vector<RecordField, 16> fields;
};

[[nodiscard]] Record unpack(const spdlog::details::log_msg& message);

// A message that outlives its call. The logger's name is a view: loggers live as long as the process.
struct KeptLine {
    KeptLine() = default;
    explicit KeptLine(const spdlog::details::log_msg& message)
        : time(message.time),
          level(message.level),
          logger(message.logger_name),
          payload(message.payload.begin(), message.payload.end()) {}
    [[nodiscard]] spdlog::details::log_msg message() const { return {time, {}, logger, level, payload}; }

    spdlog::log_clock::time_point time;
    spdlog::level::level_enum level = spdlog::level::info;
    spdlog::string_view_t logger;  // which lives for ever
    std::string payload;
};

}  // namespace jiro::log
