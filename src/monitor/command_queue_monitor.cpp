// SPDX-License-Identifier: MIT
#include "jiro/monitor/command_queue_monitor.hpp"

#include <atomic>

#include "monitor/log.hpp"
#include "monitor/running_table.hpp"

namespace jiro::monitor {
namespace {

enum Counter : std::size_t {
    kReceived,
    kQueued,
    kActive,
    kDetached,
    kSuccessful,
    kFailed,
    kDeferred,
    kByOutcome,
    kByRejection = kByOutcome + kOutcomeNames.size(),
    kCounters = kByRejection + kRejectionNames.size(),
};

}  // namespace

std::optional<double> CommandCounts::success_rate() const {
    if (processed() == 0) return std::nullopt;
    return static_cast<double>(successful) / static_cast<double>(processed());
}

// All counters under one sequence number, so that a reading is one instant's. See running_table.cpp for the ordering.
struct CommandQueueMonitor::State {
    std::atomic<std::uint64_t> sequence{0};
    std::array<std::atomic<std::uint64_t>, kCounters> counters{};
    RunningTable table;

    struct Step {
        std::size_t counter;
        std::int64_t change;
    };

    void apply(std::initializer_list<Step> steps) {
        const auto before = sequence.load(std::memory_order_relaxed);
        sequence.store(before + 1, std::memory_order_relaxed);
        for (const Step& step : steps) {
            const auto value = counters[step.counter].load(std::memory_order_relaxed);
            counters[step.counter].store(value + static_cast<std::uint64_t>(step.change), std::memory_order_release);
        }
        sequence.store(before + 2, std::memory_order_release);
    }

    [[nodiscard]] std::uint64_t own(std::size_t counter) const {
        return counters[counter].load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::array<std::uint64_t, kCounters> read() const {
        for (;;) {
            const auto before = sequence.load(std::memory_order_acquire);
            if (before % 2 != 0) continue;  // the loop is within a few stores
            std::array<std::uint64_t, kCounters> values;
            for (std::size_t i = 0; i < kCounters; ++i) values[i] = counters[i].load(std::memory_order_acquire);
            if (sequence.load(std::memory_order_relaxed) == before) return values;
        }
    }
};

CommandQueueMonitor::CommandQueueMonitor() : state_(std::make_unique<State>()) {}
CommandQueueMonitor::~CommandQueueMonitor() = default;

void CommandQueueMonitor::received() { state_->apply({{kReceived, 1}, {kQueued, 1}}); }

void CommandQueueMonitor::started(std::string_view id, std::string_view name, TimePoint now) {
    if (state_->own(kQueued) == 0 || !state_->table.insert(id, name, now)) {
        monitor_log.warn("A command started that was not waiting", {{"command_sync_id", id}});
        return;
    }
    state_->apply({{kQueued, -1}, {kActive, 1}});
}

void CommandQueueMonitor::detached(std::string_view id) {
    if (!state_->table.detach(id)) return;  // detached already, or still waiting: it has no connection to lose
    state_->apply({{kActive, -1}, {kDetached, 1}});
}

void CommandQueueMonitor::finished(std::string_view id, Outcome outcome, Duration waited, Duration ran) {
    const auto removed = state_->table.remove(id);
    if (!removed && state_->own(kQueued) == 0) {
        monitor_log.warn("A command ended that was neither waiting nor running", {{"command_sync_id", id}});
        return;
    }
    Counter from = kQueued;  // it never started: refused, or cancelled while it waited
    if (removed) from = removed->phase == RunningTable::Phase::detached ? kDetached : kActive;
    const Counter to = outcome == Outcome::succeeded ? kSuccessful : kFailed;
    state_->apply({{from, -1}, {to, 1}, {kByOutcome + static_cast<std::size_t>(outcome), 1}});
    if (removed) {
        queue_time_.record(waited);
        run_time_.record(ran);
    }
    const bool ran_by_name = removed && outcome != Outcome::rejected;
    count_by_name(ran_by_name ? removed->name : "none", outcome);
}

void CommandQueueMonitor::count_by_name(std::string_view name, Outcome outcome) {
    auto row = outcomes_by_name_.find(name);
    if (row == outcomes_by_name_.end()) {
        const bool full = outcomes_by_name_.size() >= kMaxNames;
        row = outcomes_by_name_.try_emplace(full ? "other" : std::string(name)).first;
    }
    ++row->second[static_cast<std::size_t>(outcome)];
}

void CommandQueueMonitor::rejected(Rejection why) {
    state_->apply({{kByRejection + static_cast<std::size_t>(why), 1}});
}

void CommandQueueMonitor::deferred() {
    if (state_->own(kQueued) == 0) {
        monitor_log.warn("A command was deferred that was not waiting");
        return;
    }
    state_->apply({{kReceived, -1}, {kQueued, -1}, {kDeferred, 1}});
}

void CommandQueueMonitor::delivered(Duration since_finished) { delivery_time_.record(since_finished); }

CommandCounts CommandQueueMonitor::counts() const {
    const auto values = state_->read();
    CommandCounts counts;
    counts.received = values[kReceived];
    counts.queued = values[kQueued];
    counts.active = values[kActive];
    counts.detached = values[kDetached];
    counts.successful = values[kSuccessful];
    counts.failed = values[kFailed];
    counts.deferred = values[kDeferred];
    for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) counts.by_outcome[i] = values[kByOutcome + i];
    for (std::size_t i = 0; i < kRejectionNames.size(); ++i) {
        counts.by_rejection[i] = values[kByRejection + i];
        const bool is_duplicate = i == static_cast<std::size_t>(Rejection::duplicate);
        (is_duplicate ? counts.duplicates : counts.rejected) += counts.by_rejection[i];
    }
    return counts;
}

std::vector<RunningCommand> CommandQueueMonitor::running() const { return state_->table.read(); }

std::vector<std::string> CommandQueueMonitor::active_command_ids() const {
    std::vector<std::string> ids;
    for (auto& command : state_->table.read()) {
        if (!command.detached) ids.push_back(std::move(command.id));
    }
    return ids;
}

}  // namespace jiro::monitor
