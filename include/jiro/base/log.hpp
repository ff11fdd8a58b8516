// SPDX-License-Identifier: MIT
#pragma once
// Logging for people who read journalctl. Each component has one Logger; a line is a fixed sentence plus named fields,
// so that repeats can be recognised and the journal can be searched by field (a field `command_sync_id` becomes
// JIRO_COMMAND_SYNC_ID there). Writing never blocks the caller: lines go to a bounded queue, and what does not fit is
// counted and reported. Every line passes the scrubber (no secret) and the escaper (no control characters from
// outside).
//
//     inline const log::Logger logger{"signalr"};
//     logger.info("Connected to the hub", {{"hub", url.redacted()}, {"connection_id", id}});
//     logger.with_event(log::event::connection_lost).warn("Connection lost", {{"reason", error.message}});
//
// Levels: info = rare and interesting, or one line per command; warn = the operator should look; error = something was
// lost or stopped; debug and trace = for the developer. A warn or error line without `command_sync_id` that repeats is
// demoted and then summarised ("... repeated 7 times in 40 s").

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/secret.hpp"

namespace jiro::log {

enum class Level { trace, debug, info, warn, error };

// A field of a line that is being written: views, and numbers as text in place, good for the one call. `name` is a
// literal, lower case with underscores (it is not copied). The value is text as it came; escaping happens at the sink.
class Field {
  public:
    Field(std::string_view name, std::string_view text) : name_(name), text_(text) {}
    Field(std::string_view name, const std::string& text) : name_(name), text_(text) {}
    Field(std::string_view name, const char* text) : name_(name), text_(text) {}
    Field(std::string_view name, bool flag) : name_(name), text_(flag ? "true" : "false") {}
    template <typename Number>
    requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) Field(std::string_view name, Number number)
        : name_(name) {
        const auto end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr;
        digit_count_ = static_cast<std::size_t>(end - digits_.data());
    }
    Field(std::string_view name, std::chrono::milliseconds duration) : Field(name, duration.count()) {}

    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] std::string_view value() const noexcept {
        return digit_count_ > 0 ? std::string_view(digits_.data(), digit_count_) : text_;
    }

  private:
    std::string_view name_;
    std::string_view text_;
    std::array<char, 32> digits_;  // of a number
    std::size_t digit_count_ = 0;
};

// A kind of event: the journal's MESSAGE_ID (128 bits, lower-case hex), explained in systemd/jiro-client.catalog.
struct Event {
    std::string_view id;
};

using Fields = std::initializer_list<Field>;

class Logger {
  public:
    // `component` must outlive the logger: a literal.
    explicit constexpr Logger(std::string_view component, Event event = {}) : component_(component), event_(event) {}

    [[nodiscard]] constexpr Logger with_event(Event event) const { return Logger(component_, event); }

    void trace(std::string_view message, Fields fields = {}) const { write(Level::trace, message, fields); }
    void debug(std::string_view message, Fields fields = {}) const { write(Level::debug, message, fields); }
    void info(std::string_view message, Fields fields = {}) const { write(Level::info, message, fields); }
    void warn(std::string_view message, Fields fields = {}) const { write(Level::warn, message, fields); }
    void error(std::string_view message, Fields fields = {}) const { write(Level::error, message, fields); }

    // Ask first where building the fields is costly.
    [[nodiscard]] static bool enabled(Level level) noexcept;

  private:
    void write(Level level, std::string_view message, Fields fields) const;

    std::string_view component_;
    Event event_;
};

enum class Target {
    automatic,  // journald when systemd connected our standard error to it, else console
    journald,   // native protocol, with fields
    console,    // standard error: coloured on a terminal, `<N>`-prefixed otherwise
    json,       // standard error: one JSON object a line
};

struct Settings {
    Level level = Level::info;
    Target target = Target::automatic;
};

// Starts the sink. Called by main before anything logs and again by a reload (level and target change in place).
// Lines written before the first call go to standard error at level info.
void configure(const Settings& settings);

// Returns when every line written before is out: before a fork of the process or an abnormal end.
void flush();

// Flushes the queue and stops the sink's thread. Called by main last; what is logged later is written at once.
void shutdown();

// Lines that were lost since the start because they came faster than they could be written. Any thread.
[[nodiscard]] std::uint64_t lost_lines();

// From now on the value (also percent-encoded or in base64) is replaced by *** in every line, if it has 6 characters or
// more. Called by whoever reads a secret.
void register_secret(const Secret& secret);

// One line as the sinks see it; after scrubbing.
struct RecordField {
    std::string_view name;
    std::string value;
};
struct Record {
    std::chrono::system_clock::time_point time;
    Level level;
    std::string_view component;
    std::string_view event_id;
    std::string_view message;
    std::span<const RecordField> fields;
};

// Replaces the sinks by a function that is called in place, on the thread that logs, one line at a time and of every
// level; repeats are not held back. nullptr restores the sinks. For tests (support/LogCapture).
void capture_for_test(std::function<void(const Record&)> capture);

}  // namespace jiro::log
