// SPDX-License-Identifier: MIT
#include "daemon/pause.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "daemon/log.hpp"
#include "daemon/route_reply.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::size_t kMaxOrderBytes = 64 * 1024;
constexpr auto kLookAtHold = 1s;
constexpr Duration kLookAtClock = 10s;
constexpr auto kStoreLimit = 5s;
constexpr const char* kDamaged = "the order to pause cannot be read; `jiro-client resume` ends it";

std::int64_t to_milliseconds(auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// What an earlier process left; nothing: no order.
std::optional<PauseOrder> read_order(const std::filesystem::path& file, WallTime now) {
    if (file.empty()) return std::nullopt;
    const auto content = read_small_file(file, kMaxOrderBytes);
    if (!content && content.error().code == boost::system::errc::no_such_file_or_directory) return std::nullopt;
    auto order = content ? read_pause_order(content->text) : content.error();
    if (order) return std::move(*order);
    daemon_log.error("The order to pause cannot be read: no command starts until `jiro-client resume`",
                     {{"file", file.string()}, {"reason", order.error().message}});
    return PauseOrder{.since = now, .until = {}, .note = kDamaged, .boot_id = {}, .until_boot = {}};
}

Task<monitor::RouteReply> pause_route(Pause& pause, monitor::RouteRequest request) {
    const auto text = argument(request, "seconds");
    const auto seconds = parse_number<std::int64_t>(text);
    if (!text.empty() && (!seconds || *seconds < 1 || *seconds > Pause::kLongest.count())) {
        co_return reply_with_error(
            400, "seconds must be a whole number from 1 to " + std::to_string(Pause::kLongest.count()));
    }
    const auto time = seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt;
    const auto what = argument(request, "refuse") == "yes" ? WhatArrives::is_refused : WhatArrives::waits;
    const auto stored = co_await pause.pause(time, argument(request, "note"), what);
    json body{{"paused", true}, {"kept", stored.has_value()}};
    if (!stored) body["reason"] = stored.error().message;
    co_return reply_with(200, body);
}

Task<monitor::RouteReply> resume_route(Pause& pause, monitor::RouteRequest) {
    const auto resumed = co_await pause.resume();
    if (!resumed) co_return reply_with_error(500, resumed.error().message);
    const auto left = pause.closed();
    json body{{"resumed", *resumed}, {"closed", nullptr}};
    if (left) body["closed"] = left->why;
    co_return reply_with(200, body);
}

}  // namespace

std::string to_json(const PauseOrder& order) {
    JsonWriter writer;
    writer.begin_object();
    writer.member("sinceUnixMs", to_milliseconds(order.since.time_since_epoch()));
    if (order.until) writer.member("untilUnixMs", to_milliseconds(order.until->time_since_epoch()));
    writer.member("note", order.note);
    writer.member("refuse", order.what_arrives == WhatArrives::is_refused);
    writer.member("bootId", order.boot_id);
    if (order.until_boot) writer.member("untilBootMs", to_milliseconds(*order.until_boot));
    writer.end_object();
    return std::move(writer).take() + '\n';
}

Result<PauseOrder> read_pause_order(std::string_view text) {
    const auto read = read_json(text, {.bytes = kMaxOrderBytes, .depth = 2, .nodes = 32, .members = 32});
    if (!read) return read.error();
    constexpr auto kMost = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::hours(24 * 365 * 200));
    try {
        const auto milliseconds = [&](const char* name) {
            return std::chrono::milliseconds(
                std::clamp<std::int64_t>(read->at(name).get<std::int64_t>(), 0, kMost.count()));
        };
        PauseOrder order;
        order.since = WallTime(milliseconds("sinceUnixMs"));
        if (read->contains("untilUnixMs")) order.until = WallTime(milliseconds("untilUnixMs"));
        order.note = excerpt(read->at("note").get<std::string>(), Pause::kMaxNoteBytes);
        order.what_arrives = read->at("refuse").get<bool>() ? WhatArrives::is_refused : WhatArrives::waits;
        order.boot_id = read->at("bootId").get<std::string>();
        if (read->contains("untilBootMs")) order.until_boot = milliseconds("untilBootMs");
        return order;
    } catch (const json::exception&) {
        return Error(make_error_code(boost::system::errc::invalid_argument), "it is no order to pause");
    }
}

Pause::Pause(const Executor& executor, Clock& clock, Files files, std::function<void()> changed)
    : clock_(clock),
      files_(std::move(files)),
      changed_(std::move(changed)),
      order_(read_order(files_.order, clock.wall_now())),
      ordered_(executor) {
    adopt_order();
    open_hold();
    was_closed_ = why_closed().has_value();
    if (order_) daemon_log.warn("No command starts: an order to pause is in force", {{"note", order_->note}});
}

// Whoever was told that it is closed is told when it opens, however short that was.
std::optional<commands::GateClosed> Pause::closed() {
    auto now_closed = why_closed();
    if (now_closed && !std::exchange(was_closed_, true))
        daemon_log.warn("No command starts", {{"why", now_closed->why}});
    return now_closed;
}

std::optional<commands::GateClosed> Pause::why_closed() const {
    if (order_) {
        const std::string note = order_->note.empty() ? "by an operator" : order_->note;
        return commands::GateClosed{"paused: " + note, order_->what_arrives == WhatArrives::is_refused};
    }
    if (is_held()) return commands::GateClosed{"paused: another program holds " + files_.hold.string(), false};
    return std::nullopt;
}

Task<Result<>> Pause::pause(std::optional<std::chrono::seconds> time, std::string note, WhatArrives what) {
    PauseOrder order{.since = clock_.wall_now(),
                     .until = {},
                     .note = excerpt(note, kMaxNoteBytes),
                     .what_arrives = what,
                     .boot_id = clock_.boot_id(),
                     .until_boot = {}};
    if (time) {
        order.until = order.since + *time;
        order.until_boot = clock_.boot_now() + *time;
    }
    order_ = order;
    was_closed_ = true;
    changed_();
    ordered_.notify();
    daemon_log.warn("Paused: no command starts",
                    {{"note", order.note},
                     {"for", time ? for_people(*time) : "until it is resumed"},
                     {"what_arrives", what == WhatArrives::waits ? "waits" : "is refused"}});
    co_return co_await store(to_json(order));
}

Task<Result<bool>> Pause::resume() {
    const bool had_order = order_.has_value();
    if (had_order) end_order("an operator resumes");
    const auto removed = co_await store({});
    if (!removed) co_return removed.error().with_prefix("resumed, but after a restart it would be paused again");
    co_return had_order;
}

Task<> Pause::run() {
    for (;;) {
        const auto left = time_left();
        const bool is_over = left && *left <= Duration::zero();
        if (is_over) end_order("its time is over");
        const bool is_closed = closed().has_value();
        const bool opens = !is_closed && std::exchange(was_closed_, false);
        if (opens) daemon_log.info("Commands start again");
        if (opens || is_closed) changed_();
        if (is_over) static_cast<void>(co_await store({}));
        if (follow_wall_clock()) static_cast<void>(co_await store(to_json(*order_)));
        const bool looks_at_hold = !files_.hold.empty();
        if (looks_at_hold) open_hold();
        Duration wait = looks_at_hold ? kLookAtHold : order_ && order_->until ? kLookAtClock : Duration(24h);
        if (const auto until_end = time_left()) wait = std::min(wait, *until_end);
        auto ordered = ordered_.wait();
        static_cast<void>(co_await with_timeout(clock_, wait, std::move(ordered)));
    }
}

std::optional<monitor::PauseStatus> Pause::status() const {
    const auto now_closed = why_closed();
    if (!now_closed) return std::nullopt;
    monitor::PauseStatus status{.why = now_closed->why, .refuses = now_closed->refuses, .left_seconds = {}};
    if (const auto left = time_left()) status.left_seconds = std::max(0.0, in_seconds(*left));
    return status;
}

// Another program has it locked. Our own lock lasts for no longer than the question.
bool Pause::is_held() const {
    if (!hold_) return false;
    if (flock(hold_.get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
    flock(hold_.get(), LOCK_UN);
    return false;
}

// Again and again: somebody may have put another file in its place.
void Pause::open_hold() {
    if (files_.hold.empty()) return;
    struct stat ours {};
    struct stat there {};
    const bool is_ours = hold_ && fstat(hold_.get(), &ours) == 0 && lstat(files_.hold.c_str(), &there) == 0 &&
                         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
    const auto is_open_to_all = [&ours] { return (ours.st_mode & 077) != 0; };
    if (is_ours && !is_open_to_all()) return;
    // Only whoever may write to it: a lock needs no more than a file that can be read.
    const auto open_file = [this] {
        return FileDescriptor(
            open(files_.hold.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    };
    hold_ = open_file();
    if (!hold_ || fstat(hold_.get(), &ours) != 0 || !is_open_to_all()) return;
    if (fchmod(hold_.get(), 0600) == 0) return;
    // Root's `flock` made it before this process: in its place comes one of ours, as soon as nobody has it locked.
    if (flock(hold_.get(), LOCK_EX | LOCK_NB) != 0) return;
    unlink(files_.hold.c_str());
    hold_ = open_file();
}

std::optional<Duration> Pause::time_left() const {
    if (!order_ || !order_->until) return std::nullopt;
    return *order_->until_boot - clock_.boot_now();
}

// An order of another boot goes on by this one's clock: only wall time says how long the machine was off, and nothing
// does where that was never right. A clock that was set back must not make it longer than it was ordered to be.
void Pause::adopt_order() {
    if (!order_ || !order_->until) return;
    if (order_->until_boot && !order_->boot_id.empty() && order_->boot_id == clock_.boot_id()) return;
    const Duration ordered = *order_->until - order_->since;
    const Duration left = *order_->until - clock_.wall_now();
    order_->until_boot = clock_.boot_now() + (order_->since < kProgramWritten ? ordered : std::min(left, ordered));
    order_->boot_id = clock_.boot_id();
}

// The wall clock was set, or the boot is another one: what is stored is for the next boot.
bool Pause::follow_wall_clock() {
    if (!order_ || !order_->until) return false;
    const auto until = clock_.wall_now() + std::chrono::duration_cast<WallTime::duration>(*time_left());
    const auto by = until - *order_->until;
    if (std::chrono::abs(by) < 1s) return false;
    order_->since += by;
    order_->until = until;
    return true;
}

void Pause::end_order(const char* why) {
    order_.reset();
    ordered_.notify();
    daemon_log.info("The pause has ended", {{"why", why}});
}

Task<Result<>> Pause::store(std::string text) {
    static auto& writers = *new OutsideFunctions<Result<>>("pause", 1);  // one thread: what is stored last, stays
    if (files_.order.empty()) co_return Result<>();
    auto storing = writers.run(
        [file = files_.order, text] { return text.empty() ? remove_file(file) : write_small_file(file, text); }, clock_,
        kStoreLimit);
    const auto stored = co_await std::move(storing);
    if (stored && *stored) co_return Result<>();
    const Error problem =
        stored ? stored->error() : Error(make_error_code(boost::system::errc::timed_out), "its disk does not answer, and may still take it");
    daemon_log.error("The order to pause, or its end, could not be stored",
                     {{"file", files_.order.string()}, {"reason", problem.message}});
    co_return problem;
}

monitor::Routes pause_routes(Pause& pause) {
    return {{"POST /pause", std::bind_front(pause_route, std::ref(pause))},
            {"POST /resume", std::bind_front(resume_route, std::ref(pause))}};
}

}  // namespace jiro::daemon
