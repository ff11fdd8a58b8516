// SPDX-License-Identifier: MIT
#pragma once
// Records every log line of every level while it lives, after scrubbing, instead of writing them. One at a time.
//
//     LogCapture logs;
//     ...
//     EXPECT_TRUE(logs.contains("Connection lost")) << logs.text();
//     EXPECT_EQ(logs.field("Connection lost", "reason"), "ping timeout");

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/log.hpp"

namespace jiro::test {

class LogCapture {
  public:
    struct Line {
        log::Level level;
        std::string component;
        std::string event_id;
        std::string message;
        std::vector<std::pair<std::string, std::string>> fields;

        // The field's value; empty when there is none.
        [[nodiscard]] std::string field(std::string_view name) const;
        // "warn signalr: Connection lost reason=ping timeout"
        [[nodiscard]] std::string text() const;
    };

    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    [[nodiscard]] std::vector<Line> lines() const;
    [[nodiscard]] std::vector<Line> lines(log::Level at_least) const;
    // All lines as text: for searching and for the output of a failed test.
    [[nodiscard]] std::string text() const;

    // Lines whose sentence contains `part`.
    [[nodiscard]] std::size_t count(std::string_view part) const;
    [[nodiscard]] bool contains(std::string_view part) const { return count(part) > 0; }
    // A field of the last line whose sentence contains `part`; empty when there is none.
    [[nodiscard]] std::string field(std::string_view part, std::string_view name) const;

    void clear();

  private:
    class Sink;

    mutable std::mutex mutex_;
    std::vector<Line> lines_;
};

}  // namespace jiro::test
