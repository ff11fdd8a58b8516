// SPDX-License-Identifier: MIT
#include "base/log_suppressor.hpp"

#include <algorithm>

#include "base/log_text.hpp"

namespace jiro::log {

namespace {

bool may_repeat(const Entry& entry) {
    return entry.level >= Level::warn && entry.component != "reload" &&
           std::ranges::none_of(entry.fields, [](const RecordField& field) { return field.name == "command_sync_id"; });
}

// The field that tells one failure from another, its numbers (ages, ports, counts) made equal.
std::string reason_of(const Entry& entry) {
    const auto field = std::ranges::find(entry.fields, "reason", &RecordField::name);
    if (field == entry.fields.end()) return {};
    static constexpr std::size_t kCompared = 200;
    std::string reason = field->value.substr(0, kCompared);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    std::ranges::replace_if(reason, is_digit, '0');
    const auto repeated = std::ranges::unique(reason, [](char a, char b) { return a == '0' && b == '0'; });
    reason.erase(repeated.begin(), repeated.end());
    return reason;
}

Entry summary(Entry latest, int repeats, std::chrono::steady_clock::duration span) {
    latest.message += " (repeated " + std::to_string(repeats) + (repeats == 1 ? " time in " : " times in ") +
                      for_people(std::chrono::ceil<std::chrono::seconds>(span)) + ")";
    return latest;
}

}  // namespace

bool RepeatSuppressor::admit(const Entry& entry) {
    if (!may_repeat(entry)) return true;
    const TimePoint now = entry.monotonic;
    std::string key = std::string(entry.component) + '\0' + entry.message;
    const auto found = tracked_.find(key);
    if (found == tracked_.end()) {
        if (tracked_.size() >= kMaxTracked) forget_old(now);
        if (tracked_.size() < kMaxTracked)
            tracked_.emplace(std::move(key), Tracked{now, now, kFirstWindow, 0, {}, {reason_of(entry)}});
        return true;
    }
    Tracked& line = found->second;
    const bool is_news = now - line.last_seen >= kForgetAfter;
    if (is_news) line.reasons.clear();
    std::string reason = reason_of(entry);
    if (std::ranges::find(line.reasons, reason) == line.reasons.end() && line.reasons.size() < kMaxReasons) {
        line.reasons.push_back(std::move(reason));
        if (!is_news) {
            line.last_seen = now;
            return true;
        }
    }
    line.last_seen = now;
    if (now - line.window_start < line.window && !(is_news && line.repeats == 0)) {
        ++line.repeats;
        line.latest = entry;
        return false;
    }
    line.window =
        is_news ? kFirstWindow : std::min<std::chrono::steady_clock::duration>(line.window * 2, kLongestWindow);
    line.window_start = now;
    return true;
}

std::vector<Entry> RepeatSuppressor::due(TimePoint now) {
    std::vector<Entry> summaries;
    for (auto& [key, line] : tracked_) {
        if (line.repeats == 0 || now < line.end()) continue;
        summaries.push_back(summary(std::move(line.latest), line.repeats, line.last_seen - line.window_start));
        line.repeats = 0;
        if (now - line.window_start < line.window) continue;  // quiet for long: the next one is news and opens a window
        line.window_start += line.window;
        line.window = std::min<std::chrono::steady_clock::duration>(line.window * 2, kLongestWindow);
    }
    std::ranges::sort(summaries, {}, &Entry::monotonic);
    return summaries;
}

std::vector<Entry> RepeatSuppressor::drain() {
    std::vector<Entry> summaries;
    for (auto& [key, line] : tracked_) {
        if (line.repeats == 0) continue;
        summaries.push_back(summary(std::move(line.latest), line.repeats, line.last_seen - line.window_start));
    }
    tracked_.clear();
    std::ranges::sort(summaries, {}, &Entry::monotonic);
    return summaries;
}

std::optional<RepeatSuppressor::TimePoint> RepeatSuppressor::next_due() const {
    std::optional<TimePoint> earliest;
    for (const auto& [key, line] : tracked_) {
        if (line.repeats == 0) continue;
        if (!earliest || line.end() < *earliest) earliest = line.end();
    }
    return earliest;
}

void RepeatSuppressor::forget_old(TimePoint now) {
    std::erase_if(tracked_, [&](const auto& entry) {
        return entry.second.repeats == 0 && now - entry.second.last_seen > kForgetAfter;
    });
}

}  // namespace jiro::log
