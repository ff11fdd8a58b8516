// SPDX-License-Identifier: MIT
#include "base/log_budget.hpp"

#include <utility>

#include "jiro/base/text.hpp"

namespace jiro::log {

namespace {

constexpr std::string_view kOwn = "log";  // what the log says of itself
constexpr std::string_view kOperators = "reload";

// Empty when there is no such field.
std::string_view value_of(const Record& record, std::string_view name) {
    const auto field = std::ranges::find(record.fields, name, &RecordField::name);
    return field == record.fields.end() ? std::string_view() : field->value;
}

// The field that tells one failure from another, its numbers (ages, ports, counts) made equal.
std::string reason_of(const Record& record) {
    static constexpr std::size_t kCompared = 200;
    std::string reason(value_of(record, "reason").substr(0, kCompared));
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    std::ranges::replace_if(reason, is_digit, '0');
    const auto repeated = std::ranges::unique(reason, [](char a, char b) { return a == '0' && b == '0'; });
    reason.erase(repeated.begin(), repeated.end());
    return reason;
}

}  // namespace

BudgetSink::BudgetSink(spdlog::sink_ptr next, std::function<TimePoint()> now) : now_(std::move(now)) {
    add_sink(std::move(next));
}

void BudgetSink::Kind::begin_window(TimePoint start, Duration length) {
    window_start = start;
    window = std::min<Duration>(length, kLongestWindow);
    shown = 0;
    of_commands.clear();
}

void BudgetSink::sink_it_(const spdlog::details::log_msg& message) {
    const TimePoint now = now_();
    if (now >= next_due_) tell_held_back(now);
    if (admit(message, now)) dist_sink::sink_it_(message);
}

void BudgetSink::flush_() {
    if (const TimePoint now = now_(); now >= next_due_) tell_held_back(now);
    dist_sink::flush_();
}

bool BudgetSink::admit(const spdlog::details::log_msg& message, TimePoint now) {
    const std::string_view component(message.logger_name.data(), message.logger_name.size());
    if (component == kOperators || component == kOwn || component == kAudit) return true;
    const Record record = unpack(message);
    const std::string_view command = value_of(record, "command_sync_id");
    const bool is_failure = record.level >= spdlog::level::warn && command.empty();
    const bool is_error_of_command = record.level >= spdlog::level::err && !is_failure;
    if (is_error_of_command) return true;
    Kind& kind = kind_of(record, is_failure, now);
    const bool was_quiet = now - std::exchange(kind.last_seen, now) >= kForgetAfter;
    if (was_quiet) kind.reasons.clear();
    if (now - kind.window_start >= kind.window || (was_quiet && kind.held_back == 0)) {
        kind.begin_window(now, kind.is_failure && !was_quiet ? kind.window * 2 : kFirstWindow);
    }
    const bool is_shown = kind.is_failure ? kind.has_new_reason(record) || kind.shown == 0 : kind.has_room(command);
    if (is_shown || (record.level >= spdlog::level::err && !kind.is_failure)) {
        ++kind.shown;
        return true;
    }
    ++kind.held_back;
    kind.latest = KeptLine(message);
    next_due_ = std::min(next_due_, kind.end());
    return false;
}

BudgetSink::Kind& BudgetSink::kind_of(const Record& record, bool is_failure, TimePoint now) {
    const std::hash<std::string_view> hash;
    const std::size_t key = hash(record.message) * 31 + hash(record.component) + (is_failure ? 1 : 0);
    if (const auto found = kinds_.find(key); found != kinds_.end()) return found->second;
    if (kinds_.size() >= kMaxKinds) {
        std::erase_if(kinds_, [&](const auto& entry) {
            return entry.second.held_back == 0 && now - entry.second.last_seen > kForgetAfter;
        });
    }
    const bool is_full = kinds_.size() >= kMaxKinds;
    const auto [kind, is_new] = kinds_.try_emplace(is_full ? 0 : key);
    if (is_new) kind->second = {.window_start = now, .last_seen = now, .is_failure = is_failure && !is_full};
    return kind->second;
}

bool BudgetSink::Kind::has_new_reason(const Record& record) {
    std::string reason = reason_of(record);
    if (reasons.size() >= kMaxReasons || std::ranges::find(reasons, reason) != reasons.end()) return false;
    reasons.push_back(std::move(reason));
    return true;
}

bool BudgetSink::Kind::has_room(std::string_view command) {
    if (command.empty()) return shown < kOtherLines;
    of_commands.resize(kCommandSlots);
    std::uint8_t& lines = of_commands[std::hash<std::string_view>{}(command) % kCommandSlots];
    if (lines >= kLinesOfOneCommand || shown >= kCommandLines) return false;
    ++lines;
    return true;
}

void BudgetSink::tell_held_back(TimePoint now) {
    next_due_ = TimePoint::max();
    for (auto& [key, kind] : kinds_) {
        if (kind.held_back == 0) continue;
        if (now < kind.end()) {
            next_due_ = std::min(next_due_, kind.end());
            continue;
        }
        tell(kind);
        kind.held_back = 0;
        // Quiet for long: the next one is news and opens a window.
        if (!kind.is_failure || now - kind.window_start < kind.window) continue;
        kind.begin_window(kind.window_start + kind.window, kind.window * 2);
        kind.shown = 1;  // the summary
    }
}

void BudgetSink::tell(const Kind& kind) {
    const auto message = kind.latest.message();
    const Record record = unpack(message);
    std::string text(record.message);
    text += kind.is_failure ? " (repeated " : " (";
    text += std::to_string(kind.held_back);
    text += !kind.is_failure ? " more were left out in " : kind.held_back == 1 ? " time in " : " times in ";
    const auto span = std::chrono::ceil<std::chrono::seconds>(kind.last_seen - kind.window_start);
    text += for_people(std::max(span, std::chrono::seconds(1))) + ")";
    Payload payload(record.event_id, text);
    for (const auto& [name, value] : record.fields) payload.field(name, value);
    dist_sink::sink_it_({message.time, {}, message.logger_name, message.level, payload.text()});
}

}  // namespace jiro::log
