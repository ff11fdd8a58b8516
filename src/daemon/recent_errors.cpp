// SPDX-License-Identifier: MIT
#include "daemon/recent_errors.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "jiro/base/peer_text.hpp"

namespace jiro::daemon {

namespace {

std::string rfc3339(WallTime time) {
    const auto seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace

void RecentErrors::note(std::string_view component, std::string_view message) {
    Entry entry{std::string(component), shortened(message, kLongest), clock_.wall_now()};
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
        all.push_back({rfc3339(entry.last), entry.component, entry.message + count});
    }
    return all;
}

}  // namespace jiro::daemon
