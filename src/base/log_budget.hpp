// SPDX-License-Identifier: MIT
#pragma once
// How much each kind of line, a sentence of a component, may fill the log: a sink that hands on what is new, and now
// and then how much was not.
//
//   a warning or error without `command_sync_id`   A failure that repeats: shown when it is new; its repeats inside a
//       window are counted and then told in one line, "... (repeated 7 times in 40 s)". The window grows from one
//       minute to one hour. A repeat is the same sentence with the same reason, numbers aside; a new reason is news,
//       but only so many for one sentence, so that a peer that invents reasons cannot fill the log.
//   everything else below error   So many in a minute, then a count, "... (5994 more were left out in 1 min)". Lines of
//       commands have room for ordinary traffic; those of one command only for its life, not for a hub that repeats it.
//   errors of a command, what an operator asked for (a reload), and the audit   Always shown.

#include <spdlog/sinks/dist_sink.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log_record.hpp"

namespace jiro::log {

class BudgetSink final : public spdlog::sinks::dist_sink_mt {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    // Failures that repeat.
    static constexpr std::chrono::minutes kFirstWindow{1};
    static constexpr std::chrono::minutes kLongestWindow{60};
    // After this long without it a failure is news again, whatever its window had grown to.
    static constexpr std::chrono::minutes kForgetAfter{15};
    static constexpr std::size_t kMaxReasons = 8;  // of one sentence; later ones count as repeats

    // All others, in a minute: of one sentence about commands (100 commands a second, and half as many again) ...
    static constexpr int kCommandLines = 9000;
    static constexpr int kLinesOfOneCommand = 8;             // ... of one sentence about one command ...
    static constexpr std::size_t kCommandSlots = 1U << 14U;  // by a hash of its id, so that few share one ...
    static constexpr int kOtherLines = 600;                  // ... and of one sentence without a command.

    // Sentences are fixed texts, so there are few. Should a caller build them, the rest share one budget.
    static constexpr std::size_t kMaxKinds = 256;

    explicit BudgetSink(spdlog::sink_ptr next, std::function<TimePoint()> now = std::chrono::steady_clock::now);

    // When `flush` has something to tell, or earlier; TimePoint::max(): nothing is pending.
    [[nodiscard]] TimePoint next_due() const { return next_due_; }
    // Tells all that is pending: at the end of the process.
    void finish() { tell_held_back(TimePoint::max()); }

  private:
    struct Kind {
        TimePoint window_start{};
        TimePoint last_seen{};
        bool is_failure = false;
        Duration window = kFirstWindow;
        int shown = 0;                            // in this window
        std::vector<std::uint8_t> of_commands{};  // of those, by a hash of the id: memory does not grow with commands
        int held_back = 0;                        // and not told yet
        KeptLine latest{};                        // of those
        std::vector<std::string> reasons{};       // of a failure, shown so far

        // When it is told what was held back: at the end of the window, or earlier when a failure has stopped.
        [[nodiscard]] TimePoint end() const { return std::min(window_start + window, last_seen + kForgetAfter); }
        void begin_window(TimePoint start, Duration length);
        [[nodiscard]] bool has_new_reason(const Record& record);
        [[nodiscard]] bool has_room(std::string_view command);
    };

    void sink_it_(const spdlog::details::log_msg& message) override;
    void flush_() override;
    [[nodiscard]] bool admit(const spdlog::details::log_msg& message, TimePoint now);
    Kind& kind_of(const Record& record, bool is_failure, TimePoint now);
    void tell_held_back(TimePoint now);
    void tell(const Kind& kind);

    const std::function<TimePoint()> now_;
    std::unordered_map<std::size_t, Kind> kinds_;  // by a hash of component and sentence
    TimePoint next_due_ = TimePoint::max();
};

}  // namespace jiro::log
