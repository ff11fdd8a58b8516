// SPDX-License-Identifier: MIT
// LogsRequested and LogsStreamRequested: the last lines of the daemon's log, and the lines as they come. Both read the
// log's tail, which holds what was written, scrubbed. A stream has no queue of its own: it remembers the number of the
// last line that it gave, and where lines have given way since then it says how many.

#include <algorithm>
#include <array>
#include <limits>

#include "daemon/requests/answers.hpp"
#include "daemon/requests/hub_uploads.hpp"
#include "daemon/requests/targets.hpp"
#include "jiro/base/log_tail.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::int64_t kUsualLimit = 100;
constexpr std::int64_t kUsualBacklog = 50;
constexpr std::int64_t kHighestLimit = 10'000;
constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
constexpr Duration kNextLook = std::chrono::milliseconds(200);
constexpr std::size_t kMostAtOnce = 256;  // lines copied from the tail in one look

// By level: as lines of the contract have it, and how else it may be asked for.
constexpr std::array<std::array<std::string_view, 4>, 5> kLevelNames{{{"VRB", "Verbose", "TRC", "Trace"},
                                                                      {"DBG", "Debug"},
                                                                      {"INF", "Information", "Info"},
                                                                      {"WRN", "Warning", "Warn"},
                                                                      {"ERR", "Error"}}};

std::string_view word_of(log::Level level) { return kLevelNames.at(static_cast<std::size_t>(level)).front(); }

// Which lines are wanted: all, those of one level, or, of a level that this program does not have, none.
class LevelFilter {
  public:
    explicit LevelFilter(std::string_view wanted) {
        if (wanted.empty() || equal_ignoring_case(wanted, "all")) return;
        is_one_ = true;
        const auto is_wanted = [wanted](std::string_view name) { return equal_ignoring_case(wanted, name); };
        for (std::size_t level = 0; level < kLevelNames.size(); ++level) {
            if (std::ranges::any_of(kLevelNames.at(level), is_wanted)) level_ = static_cast<log::Level>(level);
        }
    }
    [[nodiscard]] bool matches(const log::TailLine& line) const { return !is_one_ || level_ == line.level; }

  private:
    bool is_one_ = false;
    std::optional<log::Level> level_;
};

// "2025-08-06 15:53:19.123 +02:00"
std::string log_time_text(WallTime time) {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(time - std::chrono::floor<std::chrono::seconds>(time));
    const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
    std::tm local{};
    localtime_r(&seconds, &local);
    constexpr long kMinute = 60;
    const long minutes = std::abs(local.tm_gmtoff) / kMinute;
    std::array<char, 64> rest{};  // for any numbers: the compiler does not know which there are
    std::snprintf(rest.data(), rest.size(), ".%03d %c%02ld:%02ld", static_cast<int>(milliseconds.count()),
                  local.tm_gmtoff < 0 ? '-' : '+', minutes / kMinute, minutes % kMinute);
    return local_text(time) + rest.data();
}

json entry(WallTime time, log::Level level, std::string_view text) {
    return {{"File", "jiro-client"}, {"Timestamp", log_time_text(time)}, {"Level", word_of(level)}, {"Message", text}};
}

json entry(const log::TailLine& line, std::size_t room) {
    constexpr std::size_t kAround = 160;  // the other members
    return entry(line.time, line.level, text_within('[' + line.component + "] " + line.text, room - kAround));
}

std::vector<log::TailLine> matching(const LevelFilter& filter) {
    auto lines = log::tail().after(0, kAll);
    std::erase_if(lines, [&](const log::TailLine& line) { return !filter.matches(line); });
    return lines;
}

// Newest first.
json logs_answer(const Request& request) {
    const std::string level = request.members.text("Level");
    const auto limit = request.members.number("Limit", 0, kHighestLimit).value_or(kUsualLimit);
    const auto offset = request.members.number("Offset", 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
    const auto lines = matching(LevelFilter(level));
    std::vector<json> items;
    const auto skipped = std::min<std::uint64_t>(lines.size(), static_cast<std::uint64_t>(offset));
    for (auto line = lines.rbegin() + static_cast<std::ptrdiff_t>(skipped);
         line != lines.rend() && items.size() < static_cast<std::size_t>(limit); ++line) {
        items.push_back(entry(*line, request.room / 2));
    }
    json answer{{"TotalLogs", lines.size()}, {"Level", level.empty() ? "all" : level}, {"Limit", limit}};
    answer["RequestId"] = request.id;
    add_items(answer, "Logs", std::move(items), "lines", request.room);
    return answer;
}

json refuse_logs(Clock& clock, const Request& request, const std::string& why) {
    auto logs = json::array();
    logs.push_back(entry(clock.wall_now(), log::Level::warn, why));
    return {{"TotalLogs", 1},          {"Level", "all"}, {"Limit", kUsualLimit},
            {"Logs", std::move(logs)}, {"Note", why},    {"RequestId", request.id}};
}

// The source of one stream: the backlog, then lines as they come.
class LogStream : public std::enable_shared_from_this<LogStream> {
  public:
    using Item = std::optional<json>;

    LogStream(Clock& clock, LevelFilter filter, std::size_t backlog, const HubUploads& uploads)
        : clock_(clock), filter_(filter), uploads_(uploads), last_(log::tail().newest()) {
        auto lines = matching(filter_);
        const auto first = lines.size() > backlog ? lines.size() - backlog : 0;
        for (auto i = first; i < lines.size(); ++i) waiting_.push_back(std::move(lines[i]));
        if (!waiting_.empty()) last_ = std::max(last_, waiting_.back().number);
    }

    Task<Result<Item>> next() {
        const auto self = shared_from_this();
        for (;;) {
            if (auto item = take()) co_return std::move(item);
            co_await clock_.sleep_for(kNextLook);
        }
    }

  private:
    Item take() {
        for (;;) {
            if (waiting_.empty() && !look()) return std::nullopt;
            if (gap_ > 0) return gap_entry();
            const log::TailLine line = std::move(waiting_.front());
            waiting_.pop_front();
            if (filter_.matches(line)) return entry(line, uploads_.max_item_bytes());
        }
    }

    bool look() {
        auto lines = log::tail().after(last_, kMostAtOnce);
        if (lines.empty()) return false;
        gap_ = lines.front().number - last_ - 1;
        last_ = lines.back().number;
        waiting_.assign(std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
        return true;
    }

    json gap_entry() {
        const auto lost = std::exchange(gap_, 0);
        return entry(clock_.wall_now(), log::Level::warn,
                     std::to_string(lost) + " lines were left out: they came faster than the hub took them");
    }

    Clock& clock_;
    LevelFilter filter_;
    const HubUploads& uploads_;
    std::uint64_t last_;
    std::uint64_t gap_ = 0;
    std::deque<log::TailLine> waiting_;
};

json start_logs(Clock& clock, HubUploads& uploads, const Request& request) {
    const LevelFilter filter(request.members.text("Level"));
    const auto backlog = request.members.number("Limit", 0, kHighestLimit).value_or(kUsualBacklog);
    static_cast<void>(request.members.number("Offset", 0, std::numeric_limits<std::int64_t>::max()));
    const auto stream = std::make_shared<LogStream>(clock, filter, static_cast<std::size_t>(backlog), uploads);
    const auto started =
        uploads.start(config::RequestKind::logs, "ReceiveLogsStream", request.id, [stream] { return stream->next(); });
    if (!started) return action_failed(request.id, "Failed to start the logs stream", started.error().message);
    return action_succeeded(request.id, "Continuous logs stream initiated successfully");
}

}  // namespace

RequestTargets logs_targets(Clock& clock, HubUploads& uploads) {
    const auto logs = [](Request request) -> Task<Result<json>> { return answer_now(logs_answer(request)); };
    const auto refuse = [&clock](const Request& request, const std::string& why) {
        return refuse_logs(clock, request, why);
    };
    const auto stream = [&clock, &uploads](Request request) -> Task<Result<json>> {
        return answer_now(start_logs(clock, uploads, request));
    };
    return {{"LogsRequested", config::RequestKind::logs, logs, refuse},
            {"LogsStreamRequested", config::RequestKind::logs, stream, refuse_action}};
}

}  // namespace jiro::daemon
