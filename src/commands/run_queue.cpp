// SPDX-License-Identifier: MIT
#include "commands/run_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace jiro::commands {

namespace {

// Of the messages of commands that wait: they are kept in memory until they run.
constexpr std::size_t kMaxQueuedBytes = 32 * 1024 * 1024;
constexpr std::size_t kMaxWaitingInSession = 16;  // one session is not to fill the queue

bool has_left(const PendingPtr& command) { return command->place != Place::queued; }

// A hub that sends and cancels while nothing can start must not make the queue grow.
void sweep(std::deque<PendingPtr>& queue, std::size_t queued) {
    constexpr std::size_t kSlack = 64;
    if (queue.size() > 2 * queued + kSlack) std::erase_if(queue, has_left);
}

void skip_left(std::deque<PendingPtr>& queue) {
    while (!queue.empty() && has_left(queue.front())) queue.pop_front();
}

// Where its arrival puts it: near the front, for one that waited beside the queue.
void line_up(std::deque<PendingPtr>& queue, PendingPtr command) {
    const auto is_younger = [&](const PendingPtr& other) { return other->sequence > command->sequence; };
    queue.insert(std::ranges::find_if(queue, is_younger), std::move(command));
}

PendingPtr pop_front(std::deque<PendingPtr>& queue) {
    auto command = std::move(queue.front());
    queue.pop_front();
    return command;
}

}  // namespace

void RunQueue::set_limits(const Settings& settings) {
    max_concurrent_ = settings.max_concurrent;
    max_queued_ = static_cast<std::size_t>(settings.max_queued);
    for (auto& [name, limit] : limits_) {
        std::ranges::move(limit.waiting, std::back_inserter(queue_));
        limit.waiting.clear();
        std::ranges::move(limit.tools, std::back_inserter(tools_));
        limit.tools.clear();
    }
    std::ranges::stable_sort(queue_, {}, &PendingCommand::sequence);
}

std::optional<std::string> RunQueue::busy(const PendingCommand& command) const {
    const auto free_slots = static_cast<std::size_t>(std::max(0, max_concurrent_ - running_));
    if (queued_ >= max_queued_ + free_slots) {
        return "busy: " + std::to_string(running_) + " commands run and " + std::to_string(queued_) + " wait";
    }
    if (queued_ > 0 && queued_bytes_ + command.bytes > kMaxQueuedBytes) {
        return "busy: " + std::to_string(queued_) + " commands wait, with " + std::to_string(queued_bytes_) +
               " bytes; together they may have " + std::to_string(kMaxQueuedBytes);
    }
    if (!command.lane.empty() && waiting_in(command.lane) >= kMaxWaitingInSession) {
        return "busy: " + std::to_string(kMaxWaitingInSession) +
               " commands wait for their turn in this session; wait for one of them to end";
    }
    return std::nullopt;
}

std::size_t RunQueue::waiting_in(const std::string& lane) const {
    const auto waits = [&](const PendingPtr& command) { return !has_left(command) && command->lane == lane; };
    const auto limit = limits_.find(lane);
    auto waiting = std::ranges::count_if(queue_, waits);
    if (limit != limits_.end()) waiting += std::ranges::count_if(limit->second.waiting, waits);
    return static_cast<std::size_t>(waiting);
}

bool RunQueue::has_room() const noexcept {
    return queued_ == 0 || (queued_ < max_queued_ && queued_bytes_ < kMaxQueuedBytes);
}

bool RunQueue::reserve(const PendingPtr& command, const CommandDescription& description) {
    skip_left(queue_);
    if (!queue_.empty() || running_ >= max_concurrent_) return false;
    PerCommandLimit& limit = limit_of(*command);
    skip_left(limit.waiting);
    const int at_a_time = description.runs_at_a_time();
    if (at_a_time > 0 && (!limit.waiting.empty() || limit.running >= at_a_time)) return false;
    take_back(command);
    return true;
}

void RunQueue::take_back(const PendingPtr& command) {
    command->place = Place::reserved;
    reserved_.push_back(command);
    ++running_;
    ++limit_of(*command).running;
}

void RunQueue::enqueue(const PendingPtr& command) {
    command->place = Place::queued;
    ++queued_;
    queued_bytes_ += command->bytes;
    (command->is_tool() ? tools_ : queue_).push_back(command);
}

bool RunQueue::reserve_control(PendingCommand& command) {
    if (control_ >= kControlCommands) return false;
    command.place = Place::control_reserved;
    ++control_;
    ++reserved_control_;
    return true;
}

void RunQueue::start_control(PendingCommand& command) {
    command.place = Place::control;
    --reserved_control_;
}

PendingPtr RunQueue::next_reserved() {
    while (!reserved_.empty()) {
        const PendingCommand& front = *reserved_.front();
        if (front.place == Place::reserved && front.phase == PendingCommand::Phase::journalling) return nullptr;
        auto command = pop_front(reserved_);
        if (command->place != Place::reserved) continue;
        command->place = Place::running;
        return command;
    }
    return nullptr;
}

PendingPtr RunQueue::next_queued() {
    skip_left(tools_);
    if (!tools_.empty()) return pop_front(tools_);
    skip_left(queue_);
    if (!reserved_.empty() || running_ >= max_concurrent_ || queue_.empty()) return nullptr;
    if (queue_.front()->phase == PendingCommand::Phase::journalling) return nullptr;  // keeps the order of arrival
    return pop_front(queue_);
}

PendingPtr RunQueue::next_tool() {
    skip_left(tools_);
    if (!tools_.empty()) return pop_front(tools_);
    for (auto& [name, limit] : limits_) {
        skip_left(limit.tools);
        if (!limit.tools.empty()) return pop_front(limit.tools);
    }
    return nullptr;
}

bool RunQueue::start(const PendingPtr& command, int max_concurrent) {
    PerCommandLimit& limit = limit_of(*command);
    limit.max_concurrent = max_concurrent;
    if (!limit.has_room()) {
        auto& waiting = command->is_tool() ? limit.tools : limit.waiting;
        sweep(waiting, queued_);
        line_up(waiting, command);
        return false;
    }
    if (!command->is_tool()) ++running_;
    ++limit.running;
    leave(*command);
    command->place = command->is_tool() ? Place::tool : Place::running;
    return true;
}

void RunQueue::leave(PendingCommand& command) {
    const Place place = std::exchange(command.place, Place::none);
    if (place == Place::none) return;
    if (place == Place::control || place == Place::control_reserved) {
        --control_;
        if (place == Place::control_reserved) --reserved_control_;
        return;
    }
    PerCommandLimit& limit = limit_of(command);
    if (place == Place::queued) {
        --queued_;
        queued_bytes_ -= command.bytes;
        sweep(queue_, queued_);
        sweep(tools_, queued_);
    } else {
        if (place != Place::tool) --running_;
        --limit.running;
    }
    hand_on(limit);
    const bool is_idle = limit.running == 0 && limit.waiting.empty() && limit.tools.empty();
    if (is_idle && !command.lane.empty()) limits_.erase(command.lane);
}

// Who left ran, or was to run next and never will: in both cases the turn is another's.
void RunQueue::hand_on(PerCommandLimit& limit) {
    skip_left(limit.tools);
    skip_left(limit.waiting);
    if (!limit.has_room()) return;
    if (!limit.tools.empty()) {
        line_up(tools_, pop_front(limit.tools));
    } else if (!limit.waiting.empty()) {
        line_up(queue_, pop_front(limit.waiting));
    }
}

}  // namespace jiro::commands
