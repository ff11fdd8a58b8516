// SPDX-License-Identifier: MIT
#include "daemon/requests/hub_uploads.hpp"

#include <boost/asio/this_coro.hpp>

#include "daemon/log.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

// A StreamItem's members around the item, and the record's end.
constexpr std::size_t kItemBytes = 128;
// For the hub's method to end after the stream has.
constexpr Duration kMethodEnds = std::chrono::minutes(1);

using Item = Result<std::optional<json>>;

// The source's next item; at `until` the end, also of a source that is quiet then.
Task<Item> next_until(TimePoint until, Clock& clock, signalr::UploadSource source) {
    std::optional<Item> item;
    if (const auto left = until - clock.now(); left > Duration::zero()) {
        auto pulling = source();
        item = co_await with_timeout(clock, left, std::move(pulling));
    }
    if (item) co_return std::move(*item);
    co_return std::optional<json>();
}

}  // namespace

HubUploads::HubUploads(Executor executor, Clock& clock)
    : executor_(std::move(executor)),
      clock_(clock),
      group_([](const std::exception_ptr&) { hub_log.error("A stream to the hub ended with an exception"); }) {}

void HubUploads::set_max_send_bytes(std::size_t bytes) { max_item_bytes_ = bytes - kItemBytes; }

Result<> HubUploads::start(std::string method, std::string request_id, signalr::UploadSource source) {
    const auto busy = make_error_code(boost::system::errc::device_or_resource_busy);
    if (under_way_.contains(request_id)) return Error(busy, "a stream for this RequestId is under way");
    if (under_way_.size() >= kMost) return Error(busy, "too many streams at a time");
    under_way_.insert(request_id);
    group_.spawn(executor_, upload(std::move(method), std::move(request_id), std::move(source)));
    return {};
}

Task<> HubUploads::run() {
    try {
        Event never(executor_);
        co_await never.wait();
    } catch (const boost::system::system_error& error) {
        if (!is_cancellation(error)) throw;
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    group_.abort();
    co_await group_.wait();
}

Task<> HubUploads::upload(std::string method, std::string request_id, signalr::UploadSource source) {
    const AtEnd at_end([&] { under_way_.erase(request_id); });
    auto sending = send(method, request_id, std::move(source));
    co_await std::move(sending);
}

Task<> HubUploads::send(const std::string& method, const std::string& request_id, signalr::UploadSource source) {
    const TimePoint until = clock_.now() + kLongest;
    signalr::CallOptions options;
    options.deadline = kLongest + kMethodEnds;
    options.uploads.push_back(
        [source = std::move(source), until, &clock = clock_] { return next_until(until, clock, source); });
    auto arguments = json::array();
    arguments.push_back(request_id);
    auto calling = hub_->invoke(method, std::move(arguments), std::move(options));
    const auto ended = co_await std::move(calling);
    hub_log.info("A stream to the hub has ended",
                 {{"method", method}, {"request_id", request_id}, {"reason", ended ? "" : ended.error().message}});
}

}  // namespace jiro::daemon
