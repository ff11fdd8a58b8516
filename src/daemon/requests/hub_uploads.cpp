// SPDX-License-Identifier: MIT
#include "daemon/requests/hub_uploads.hpp"

#include "daemon/log.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

// A StreamItem's members around the item, and the record's end.
constexpr std::size_t kItemBytes = 128;
// For the hub's method to end after the stream has.
constexpr Duration kMethodEnds = std::chrono::minutes(1);

}  // namespace

HubUploads::HubUploads(Executor executor, Clock& clock)
    : executor_(std::move(executor)),
      clock_(clock),
      allowed_changed_(executor_),
      group_([](const std::exception_ptr&) { hub_log.error("A stream to the hub ended with an exception"); }) {}

void HubUploads::update(const config::RequestKinds& allowed, std::size_t max_send_bytes) {
    max_item_bytes_ = max_send_bytes - kItemBytes;
    allowed_ = allowed;
    allowed_changed_.notify();
}

Result<> HubUploads::start(config::RequestKind kind, std::string method, std::string request_id,
                           signalr::UploadSource source) {
    const auto busy = make_error_code(boost::system::errc::device_or_resource_busy);
    if (under_way_.contains(request_id)) return Error(busy, "a stream for this RequestId is under way");
    if (under_way_.size() >= kMost) return Error(busy, "too many streams at a time");
    under_way_.insert(request_id);
    group_.spawn(executor_, upload(kind, std::move(method), std::move(request_id), std::move(source)));
    return {};
}

Task<> HubUploads::run() {
    auto waiting = until_cancelled();
    static_cast<void>(co_await unless_cancelled(std::move(waiting)));
    group_.abort();
    co_await group_.wait();
}

Task<> HubUploads::upload(config::RequestKind kind, std::string method, std::string request_id,
                          signalr::UploadSource source) {
    const AtEnd at_end([&] { under_way_.erase(request_id); });
    const TimePoint until = clock_.now() + kLongest;
    signalr::CallOptions options;
    options.deadline = kLongest + kMethodEnds;
    options.uploads.push_back([this, kind, until, source = std::move(source)] { return next(kind, until, source); });
    auto arguments = json::array();
    arguments.push_back(request_id);
    auto calling = hub_->invoke(method, std::move(arguments), std::move(options));
    const auto ended = co_await std::move(calling);
    hub_log.info("A stream to the hub has ended",
                 {{"method", method}, {"request_id", request_id}, {"reason", ended ? "" : ended.error().message}});
}

// The end comes at `until`, also of a source that is quiet then, and as soon as the kind is not allowed any more.
Task<HubUploads::Item> HubUploads::next(config::RequestKind kind, TimePoint until, signalr::UploadSource source) {
    std::optional<std::optional<Item>> item;
    if (const auto left = until - clock_.now(); left > Duration::zero()) {
        auto in_time = with_timeout(clock_, left, source());
        auto pulling = into(item, std::move(in_time));
        auto ending = until_not_allowed(kind);
        co_await race(std::move(pulling), std::move(ending));
    }
    if (!allowed_.has(kind)) {
        co_return Error(make_error_code(boost::system::errc::operation_not_permitted),
                        "not allowed on this machine any more");
    }
    if (item && *item) co_return std::move(**item);
    co_return std::optional<json>();
}

Task<> HubUploads::until_not_allowed(config::RequestKind kind) {
    while (allowed_.has(kind)) co_await allowed_changed_.wait();
}

}  // namespace jiro::daemon
