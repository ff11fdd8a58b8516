// SPDX-License-Identifier: MIT
#pragma once
// Logging for people who read journalctl. Each component has one Logger (spdlog's, by the component's name); a line is
// a fixed sentence plus named fields, so that repeats can be recognised and the journal can be searched by field (a
// field `command_sync_id` becomes JIRO_COMMAND_SYNC_ID there). Writing never blocks the caller: lines go to a bounded
// queue, and what does not fit is counted and reported. Every line passes the scrubber (no secret) and the escaper (no
// control characters from outside); a value longer than kMaxValueBytes is cut.
//
//     inline const log::Logger signalr_log{"signalr"};
//     signalr_log.info("Connected to the hub", {{"hub", url.redacted()}, {"connection_id", id}});
//     daemon_log.with_event(event::kCannotStart).error("Cannot start", {{"reason", error.message}});
//
// Levels: info = rare and interesting, or one line per command; warn = the operator should look; error = something was
// lost or stopped; debug and trace = for the developer. A warn or error line without `command_sync_id` that repeats is
// demoted and then summarised ("... repeated 7 times in 40 s"); of all others but errors, each sentence has a number a
// minute ("... 5994 more were left out in 1 min"). See base/log_budget.hpp.

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/secret.hpp"

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace jiro::log {

enum class Level { trace, debug, info, warn, error };  // the numbers are spdlog's

// The component whose lines are always written, whatever the level and however many they are.
inline constexpr std::string_view kAudit = "audit";

// A field of a line that is being written: views, and numbers as text in place, good for the one call. `name` is
// lower case with underscores. The value is text as it came; escaping happens at the sink.
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

// Any thread; a constant. Two of one name are the same logger.
class Logger {
  public:
    static constexpr std::size_t kMaxValueBytes = 500;  // of a field; peers choose some of them
    static constexpr std::size_t kMaxSentenceBytes = 2000;

    explicit Logger(std::string_view component);

    [[nodiscard]] Logger with_event(Event event) const;

    void trace(std::string_view sentence, Fields fields = {}) const { write(Level::trace, sentence, fields); }
    void debug(std::string_view sentence, Fields fields = {}) const { write(Level::debug, sentence, fields); }
    void info(std::string_view sentence, Fields fields = {}) const { write(Level::info, sentence, fields); }
    void warn(std::string_view sentence, Fields fields = {}) const { write(Level::warn, sentence, fields); }
    void error(std::string_view sentence, Fields fields = {}) const { write(Level::error, sentence, fields); }

    // Ask first where building the fields is costly.
    [[nodiscard]] static bool enabled(Level level) noexcept;

  private:
    void write(Level level, std::string_view sentence, Fields fields) const;

    spdlog::logger* logger_;  // lives as long as the process
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

// Starts the log's thread. Called by main before anything logs and again by a reload (level and target change in
// place); waits for no line. Lines written before the first call go to standard error at level info.
void configure(const Settings& settings);

// Flushes the queue and stops the log's thread, or leaves one that hangs. By main, last; later lines go out at once.
void shutdown();

// Lines that were lost since the start because they came faster than they could be written. Any thread.
[[nodiscard]] std::uint64_t lost_lines();

// From now on the value (also percent-encoded or in base64) is replaced by *** in every line, if it has 6 characters or
// more. Called by whoever reads a secret; `source` names what holds it, and may hold another one later: its newest
// value is kept, of the older ones those that came last.
void register_secret(const Secret& secret, std::string_view source);
// The same for all that somebody holds, in place of what it held before; that is known until the next change.
enum class Holder { read_configuration, configuration_in_force };
void register_all(Holder holder, const std::vector<Secret>& secrets);

// A text with *** in the place of what is known, or seen by its name, to be a secret; as every line is. Any thread.
[[nodiscard]] std::string scrubbed(std::string_view text);
// The same for the value of a field, which may be a secret by the field's name alone. What is to be JSON is scrubbed
// value by value: in the whole text what follows a secret's name goes, quotes and commas included.
[[nodiscard]] std::string scrubbed(std::string_view name, std::string_view value);
// The same for the words of a command line, where a secret may stand behind the option that names it.
[[nodiscard]] std::vector<std::string> scrubbed(std::vector<std::string> words);

// Replaces the sinks behind the scrubber by one that gets the lines of every level on the thread that logs, one at a
// time (base/log_record.hpp unpacks them); repeats are not held back. nullptr restores the sinks. For tests
// (support/LogCapture).
void use_sink_for_test(std::shared_ptr<spdlog::sinks::sink> sink);

}  // namespace jiro::log
