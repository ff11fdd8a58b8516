// SPDX-License-Identifier: MIT
#pragma once
// Keeps a failure that repeats from filling the journal. A warn or error line without `command_sync_id` is shown when
// it is new; its repeats inside a window are counted and then told in one line, "... (repeated 7 times in 40 s)". The
// window grows from one minute to one hour. Pure: time is an argument. Lines of one command are never held back, nor is
// info and below. A repeat is the same sentence with the same reason, numbers aside; a new reason is news, but only so
// many for one sentence, so that a peer that invents reasons cannot fill the journal. What an operator asked for (a
// reload) is always told.

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log_record.hpp"

namespace jiro::log {

class RepeatSuppressor {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::minutes kFirstWindow{1};
    static constexpr std::chrono::minutes kLongestWindow{60};
    // After this long without it a failure is news again, whatever its window had grown to.
    static constexpr std::chrono::minutes kForgetAfter{15};
    // Sentences are fixed texts, so there are few; a caller that builds them cannot make this grow without end.
    static constexpr std::size_t kMaxTracked = 256;
    // Different reasons of one sentence that are shown; later ones count as repeats.
    static constexpr std::size_t kMaxReasons = 8;

    // True when the line is to be shown now. Call `due` first.
    [[nodiscard]] bool admit(const Entry& entry);

    // The summaries whose window has ended, oldest first.
    [[nodiscard]] std::vector<Entry> due(TimePoint now);
    // All summaries that are pending: at the end of the process.
    [[nodiscard]] std::vector<Entry> drain();

    // When `due` has something to say next; nullopt: nothing is pending.
    [[nodiscard]] std::optional<TimePoint> next_due() const;

  private:
    struct Tracked {
        TimePoint window_start;
        TimePoint last_seen;
        std::chrono::steady_clock::duration window;
        int repeats = 0;
        Entry latest;
        std::vector<std::string> reasons;  // shown so far

        // When its repeats are told: at the end of the window, or earlier when it has stopped.
        [[nodiscard]] TimePoint end() const { return std::min(window_start + window, last_seen + kForgetAfter); }
    };

    void forget_old(TimePoint now);

    std::map<std::string, Tracked, std::less<>> tracked_;  // by component and sentence
};

}  // namespace jiro::log
