// SPDX-License-Identifier: MIT
#include "commands/ended_runs.hpp"

#include <algorithm>
#include <ranges>

namespace jiro::commands {

void EndedRuns::add(EndedRun run) {
    run.bytes = run.output ? run.output->kept_bytes() : 0;
    bytes_ += run.bytes;
    runs_.push_back(std::move(run));
    if (runs_.size() > kMost) {
        bytes_ -= runs_.front().bytes;
        runs_.pop_front();
    }
    for (auto& old : runs_) {
        if (bytes_ <= kMostBytes) break;
        bytes_ -= std::exchange(old.bytes, 0);
        old.output.reset();
    }
}

const EndedRun* EndedRuns::find(std::string_view id) const {
    const auto newest_first = std::views::reverse(runs_);
    const auto found = std::ranges::find(newest_first, id, &EndedRun::id);
    return found == newest_first.end() ? nullptr : &*found;
}

void EndedRuns::set_delivery(std::string_view id, DeliveryState state) {
    const auto newest_first = std::views::reverse(runs_);
    const auto found = std::ranges::find(newest_first, id, &EndedRun::id);
    if (found != newest_first.end()) found->delivery = state;
}

}  // namespace jiro::commands
