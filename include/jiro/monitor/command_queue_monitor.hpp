// SPDX-License-Identifier: MIT
#pragma once
// What the daemon counts about commands: the seed's ICommandQueueMonitor. The event loop is the only writer and calls
// one transition per event. The counters are shared atomics: any thread reads them, at any time, without making the
// loop wait, and every reading is exact:
//
//     received = processed + active + detached + queued        processed = successful + failed
//
//     received ──> queued ──started──> active ──detached──> detached
//                    └──────finished─────┴─────finished────────┘──> successful | failed
//
// What is refused before it is received (`rejected`) is no part of this. At the daemon's stop `deferred` takes a
// waiting command out again: it stays in the journal for the next start. A transition of a command that is not in the
// right place changes nothing and is logged: the sums stay right whatever the caller does.

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/model/admission.hpp"
#include "jiro/model/command_result.hpp"
#include "jiro/monitor/histogram.hpp"

namespace jiro::monitor {

using OutcomeCounts = std::array<std::uint64_t, kOutcomeNames.size()>;

// All counters as they were at one instant.
struct CommandCounts {
    std::uint64_t received = 0;
    std::uint64_t queued = 0;
    std::uint64_t active = 0;
    std::uint64_t detached = 0;
    std::uint64_t successful = 0;
    std::uint64_t failed = 0;
    std::uint64_t deferred = 0;  // left to the next start; not part of received
    std::uint64_t rejected = 0;  // refused, duplicates not counted
    std::uint64_t duplicates = 0;
    OutcomeCounts by_outcome{};
    std::array<std::uint64_t, kRejectionNames.size()> by_rejection{};

    [[nodiscard]] std::uint64_t processed() const { return successful + failed; }
    // In [0, 1]; nothing when nothing was processed.
    [[nodiscard]] std::optional<double> success_rate() const {
        if (processed() == 0) return std::nullopt;
        return static_cast<double>(successful) / static_cast<double>(processed());
    }
};

struct RunningCommand {
    std::string id;    // shown_id
    std::string name;  // of a command of this machine, cut to kShownNameBytes
    TimePoint started;
    bool detached = false;
};
inline constexpr std::size_t kShownIdBytes = 128;
inline constexpr std::size_t kShownNameBytes = 64;
// What every local user may see of an id, which the hub chose: cut, and without our secrets.
[[nodiscard]] std::string shown_id(std::string_view id);

// Of the commands of one name.
struct NameFigures {
    OutcomeCounts outcomes{};
    HistogramReading run_time{};  // of those that ran
};

class CommandQueueMonitor {
  public:
    // Transitions: the event loop only.
    void received();
    void started(std::string_view id, std::string_view name, TimePoint now);
    void detached(std::string_view id);   // its connection was lost; it goes on
    void suspended(std::string_view id);  // it waits for the machine's restart: queued again
    void finished(std::string_view id, Outcome outcome, Duration waited, Duration ran);
    void deferred();
    void rejected(Rejection why);
    void delivered(Duration since_finished) { delivery_time_.record(since_finished); }  // the server confirmed a result

    // Counters: any thread.
    [[nodiscard]] CommandCounts counts() const;
    [[nodiscard]] HistogramReading run_time() const { return run_time_.read(); }
    [[nodiscard]] HistogramReading queue_time() const { return queue_time_.read(); }
    [[nodiscard]] HistogramReading delivery_time() const { return delivery_time_.read(); }

    // What names commands: the event loop only.
    [[nodiscard]] std::vector<RunningCommand> running() const;  // active and detached, oldest first
    // At most kMaxNames names, the rest under "other". What never ran counts under "none": its name is whatever the
    // sender wrote.
    using ByName = std::map<std::string, NameFigures, std::less<>>;
    [[nodiscard]] const ByName& by_name() const { return by_name_; }
    static constexpr std::size_t kMaxNames = 100;

  private:
    static constexpr std::size_t kCounters = sizeof(CommandCounts) / sizeof(std::uint64_t);

    void publish();
    NameFigures& figures_of(std::string_view name);

    CommandCounts counts_;                                         // the event loop's own
    std::array<std::atomic<std::uint64_t>, kCounters> published_;  // the same, for readers
    std::atomic<std::uint64_t> version_{0};                        // of `published_`; odd while it is being written
    Histogram run_time_;
    Histogram queue_time_;
    Histogram delivery_time_;
    std::unordered_map<std::string, RunningCommand> running_;  // by whole id
    ByName by_name_;
};

}  // namespace jiro::monitor
