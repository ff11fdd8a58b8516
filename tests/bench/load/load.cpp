// SPDX-License-Identifier: MIT
#include "bench/load/load.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/load/process.hpp"

namespace jiro::bench {

using nlohmann::json;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMostUnderWay = 50'000;  // open loop: far past what a client can hold, no use in going on
constexpr std::int64_t kLongestWait = 30 * kSecond;

std::int64_t nanoseconds(double seconds) { return static_cast<std::int64_t>(seconds * static_cast<double>(kSecond)); }

// Ids must differ from those of earlier runs, which a client may remember.
std::string fresh_ids() {
    char text[32];
    std::snprintf(text, sizeof text, "cmd-%llx-%x-", static_cast<unsigned long long>(now_ns()),
                  static_cast<unsigned>(getpid()));
    return text;
}

double percentile(const std::vector<std::int64_t>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto count = static_cast<double>(sorted.size());
    const auto index = static_cast<std::size_t>(share * count);
    return static_cast<double>(sorted[std::min(index, sorted.size() - 1)]) / 1000.0;
}

}  // namespace

Load::Load(boost::asio::io_context& context)
    : context_(context),
      timer_(context),
      ids_begin_with_(fresh_ids()),
      hub_(context, {.on_ready =
                         [] {
                             std::printf("%s\n", json{{"connected_at_ns", now_ns()}}.dump().c_str());
                             std::fflush(stdout);
                         },
                     .on_lost =
                         [] {
                             std::printf("%s\n", json{{"lost_at_ns", now_ns()}}.dump().c_str());
                             std::fflush(stdout);
                         },
                     .on_write =
                         [this](std::uint64_t number) {
                             if (plan_.loop == Plan::Loop::closed) stamp_of(number) = now_ns();
                         }}),
      results_(context, ids_begin_with_, [this](const Arrival& arrival) { take(arrival); }) {}

Task<json> Load::run(Plan plan) {
    if (!hub_.is_ready()) co_return json{{"error", "no client is connected"}};
    const bool by_count = plan.commands > 0;
    plan_ = plan;
    // The example message of the interface's description, with `echo` and a text of the wanted length.
    before_id_ = R"({"type":1,"target":"ReceiveCommand","arguments":[{"instanceId":"user-123","command":"echo )" +
                 std::string(plan.bytes, 'x') + R"(","commandSyncId":")" + ids_begin_with_;
    sent_ = errors_ = duplicates_ = 0;
    latencies_.clear();
    const std::int64_t start = now_ns();
    begin_ = by_count ? start : start + nanoseconds(plan.warm_up);
    end_ = by_count ? kNever : begin_ + nanoseconds(plan.seconds);
    is_sending_ = true;

    if (plan.loop == Plan::Loop::closed) {
        for (int i = 0; i < plan.in_flight && may_send(); ++i) send_one(0);
    } else {
        boost::asio::co_spawn(context_, send_on_schedule(), boost::asio::detached);
    }
    if (!by_count) co_await sleep_until(begin_);
    const auto before = read_process(plan.pid);
    const auto own_before = read_process(getpid());
    if (by_count) {
        static_cast<void>(co_await wait_for_results());
        end_ = last_arrival_;
    } else {
        co_await sleep_until(end_);
    }
    const auto after = read_process(plan.pid);
    const auto own_after = read_process(getpid());
    is_sending_ = false;
    const bool all_came = co_await wait_for_results();

    std::ranges::sort(latencies_);
    const auto count = static_cast<double>(latencies_.size());
    const double seconds = static_cast<double>(end_ - begin_) / static_cast<double>(kSecond);
    json figures{{"commands", latencies_.size()},
                 {"per_second", count / seconds},
                 {"p50_us", percentile(latencies_, 0.5)},
                 {"p99_us", percentile(latencies_, 0.99)},
                 {"p999_us", percentile(latencies_, 0.999)},
                 {"max_us", percentile(latencies_, 1)},
                 {"errors", errors_},
                 {"duplicates", duplicates_},
                 {"foreign", results_.foreign()},
                 {"lost", all_came ? 0 : under_way_}};
    if (before && after && count > 0) {
        figures["cpu_us"] = (after->cpu_seconds() - before->cpu_seconds()) * 1e6 / count;
        figures["user_us"] = (after->user_seconds - before->user_seconds) * 1e6 / count;
        figures["system_us"] = (after->system_seconds - before->system_seconds) * 1e6 / count;
        figures["load_cpu_us"] = (own_after->cpu_seconds() - own_before->cpu_seconds()) * 1e6 / count;
        figures["resident_kb"] = after->resident_kb;
        figures["peak_kb"] = after->peak_kb;
        figures["threads"] = after->threads;
    }
    if (!all_came) {
        under_way_ = 0;
        std::ranges::fill(stamps_, 0);
    }
    co_return figures;
}

bool Load::may_send() const {
    return is_sending_ && (plan_.commands == 0 || sent_ < plan_.commands) && hub_.is_ready();
}

void Load::send_one(std::int64_t stamp) {
    const std::uint64_t number = ++last_number_;
    char digits[24];
    const int length = std::snprintf(digits, sizeof digits, "%012llu", static_cast<unsigned long long>(number));
    std::string record = before_id_;
    record.append(digits, static_cast<std::size_t>(length));
    record += R"(","sessionId":"session-abc","parameters":{"key1":"value1","key2":"value2"}}]})";
    record += '\x1e';
    ++sent_;
    ++under_way_;
    stamp_of(number) = stamp;
    hub_.send(std::move(record), number);
}

void Load::take(const Arrival& arrival) {
    std::int64_t& stamp = stamp_of(arrival.number);
    if (stamp == 0) {
        ++duplicates_;
        return;
    }
    if (arrival.at >= begin_ && arrival.at < end_) latencies_.push_back(arrival.at - stamp);
    stamp = 0;
    last_arrival_ = arrival.at;
    --under_way_;
    if (!arrival.is_success) ++errors_;
    if (plan_.loop == Plan::Loop::closed && may_send()) send_one(0);
    if (under_way_ == 0) timer_.cancel();
}

Task<> Load::send_on_schedule() {
    boost::asio::steady_timer timer(context_);
    const auto interval = static_cast<double>(kSecond) / plan_.rate;
    const std::int64_t start = now_ns();
    for (std::uint64_t i = 0; is_sending_ && under_way_ < kMostUnderWay; ++i) {
        const std::int64_t planned = start + static_cast<std::int64_t>(interval * static_cast<double>(i));
        if (planned > now_ns()) {
            timer.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(planned)));
            co_await timer.async_wait(kAwait);
        }
        if (may_send()) send_one(planned);
    }
}

Task<> Load::sleep_until(std::int64_t moment) {
    boost::asio::steady_timer timer(context_);
    timer.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(moment)));
    co_await timer.async_wait(kAwait);
}

// False: some did not come, although the client had half a minute (or, by count, was silent so long).
Task<bool> Load::wait_for_results() {
    const std::int64_t start = now_ns();
    while (under_way_ > 0) {
        if (now_ns() > std::max(start, last_arrival_) + kLongestWait || !hub_.is_ready()) co_return false;
        timer_.expires_after(std::chrono::seconds(1));
        const auto [ended] = co_await timer_.async_wait(kNoThrow);
        static_cast<void>(ended);
    }
    co_return true;
}

}  // namespace jiro::bench
