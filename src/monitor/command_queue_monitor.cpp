// SPDX-License-Identifier: MIT
#include "jiro/monitor/command_queue_monitor.hpp"

#include <algorithm>
#include <bit>

#include "jiro/base/peer_text.hpp"
#include "monitor/log.hpp"

namespace jiro::monitor {

std::string shown_id(std::string_view id) { return log::scrubbed(shortened(id, kShownIdBytes)); }

void CommandQueueMonitor::received() {
    ++counts_.received, ++counts_.queued;
    publish();
}

void CommandQueueMonitor::started(std::string_view id, std::string_view name, TimePoint now) {
    RunningCommand command{{}, std::string(name), now};
    if (counts_.queued == 0 || !running_.try_emplace(std::string(id), std::move(command)).second) {
        return monitor_log.warn("A command started that was not waiting", {{"command_sync_id", id}});
    }
    --counts_.queued, ++counts_.active;
    publish();
}

void CommandQueueMonitor::detached(std::string_view id) {
    const auto found = running_.find(std::string(id));
    if (found == running_.end() || std::exchange(found->second.detached, true)) return;  // it still waits, or again
    --counts_.active, ++counts_.detached;
    publish();
}

void CommandQueueMonitor::suspended(std::string_view id) {
    const auto command = running_.extract(std::string(id));
    if (!command) return monitor_log.warn("A command was suspended that was not running", {{"command_sync_id", id}});
    --(command.mapped().detached ? counts_.detached : counts_.active), ++counts_.queued;
    publish();
}

void CommandQueueMonitor::finished(std::string_view id, Outcome outcome, Duration waited, Duration ran) {
    const auto command = running_.extract(std::string(id));  // empty: it was refused, or cancelled while it waited
    if (!command && counts_.queued == 0) {
        return monitor_log.warn("A command ended that was neither waiting nor running", {{"command_sync_id", id}});
    }
    --(!command ? counts_.queued : command.mapped().detached ? counts_.detached : counts_.active);
    ++(outcome == Outcome::succeeded ? counts_.successful : counts_.failed);
    ++counts_.by_outcome[static_cast<std::size_t>(outcome)];
    publish();
    if (command) {
        queue_time_.record(waited);
        run_time_.record(ran);
    }
    auto& figures = figures_of(command && outcome != Outcome::rejected ? command.mapped().name : "none");
    ++figures.outcomes[static_cast<std::size_t>(outcome)];
    if (command) figures.run_time.add(ran);
}

NameFigures& CommandQueueMonitor::figures_of(std::string_view name) {
    const auto known = by_name_.find(name);
    if (known != by_name_.end()) return known->second;
    return by_name_[by_name_.size() >= kMaxNames ? "other" : std::string(name)];
}

void CommandQueueMonitor::rejected(Rejection why) {
    ++(why == Rejection::duplicate ? counts_.duplicates : counts_.rejected);
    ++counts_.by_rejection[static_cast<std::size_t>(why)];
    publish();
}

void CommandQueueMonitor::deferred() {
    if (counts_.queued == 0) return monitor_log.warn("A command was deferred that was not waiting");
    --counts_.received, --counts_.queued, ++counts_.deferred;
    publish();
}

// The odd version, then the counters with release, then the even version: a reader that sees any new counter (acquire)
// also sees the odd version when it looks again, and reads once more. No fences: ThreadSanitizer cannot follow them.
void CommandQueueMonitor::publish() {
    const auto counters = std::bit_cast<std::array<std::uint64_t, kCounters>>(counts_);
    const auto before = version_.load(std::memory_order_relaxed);
    version_.store(before + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < kCounters; ++i) published_[i].store(counters[i], std::memory_order_release);
    version_.store(before + 2, std::memory_order_release);
}

CommandCounts CommandQueueMonitor::counts() const {
    for (;;) {
        const auto before = version_.load(std::memory_order_acquire);
        std::array<std::uint64_t, kCounters> counters;
        for (std::size_t i = 0; i < kCounters; ++i) counters[i] = published_[i].load(std::memory_order_acquire);
        const bool is_one_instant = before % 2 == 0 && version_.load(std::memory_order_relaxed) == before;
        if (is_one_instant) return std::bit_cast<CommandCounts>(counters);
    }
}

std::vector<RunningCommand> CommandQueueMonitor::running() const {
    std::vector<RunningCommand> commands;
    for (const auto& [id, command] : running_) {
        commands.push_back(command);
        commands.back().id = shown_id(id);
        commands.back().name = shortened(command.name, kShownNameBytes);
    }
    std::ranges::sort(commands, {}, &RunningCommand::started);
    return commands;
}

}  // namespace jiro::monitor
