// SPDX-License-Identifier: MIT
#include "daemon/recent_errors.hpp"

#include <algorithm>

#include "jiro/base/log.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon {

void RecentErrors::note(std::string_view component, std::string_view message) {
    Entry entry{std::string(component), shortened(log::scrubbed(message), kLongest), clock_.wall_now()};
    const auto same = std::ranges::find_if(entries_, [&](const Entry& other) {
        return other.component == entry.component && other.message == entry.message;
    });
    if (same != entries_.end()) {
        entry.count += same->count;
        entries_.erase(same);
    }
    entries_.push_front(std::move(entry));
    if (entries_.size() > kKept) entries_.pop_back();
}

std::vector<monitor::ErrorEntry> RecentErrors::newest_first() const {
    std::vector<monitor::ErrorEntry> all;
    for (const auto& entry : entries_) {
        const std::string count = entry.count > 1 ? " (" + std::to_string(entry.count) + " times)" : "";
        all.push_back({utc_text(entry.last), entry.component, entry.message + count});
    }
    return all;
}

}  // namespace jiro::daemon
