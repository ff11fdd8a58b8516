// SPDX-License-Identifier: MIT
#pragma once
// Streams that the hub asked for: each is a call of a method of the hub's with an upload stream, beside the answer to
// the request that asked. A stream ends with its source, with the hub's method, with the connection, or after
// kLongest, and when a reload takes what it belongs to from Hub.Requests. Nothing waits for such a call: a server may
// run one call of a client at a time. Event loop only.

#include <set>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/config/hub_settings.hpp"
#include "jiro/signalr/hub_connection.hpp"

namespace jiro::daemon {

class HubUploads {
  public:
    static constexpr std::size_t kMost = 8;
    static constexpr Duration kLongest = std::chrono::minutes(10);

    HubUploads(Executor executor, Clock& clock);

    // Before the first stream; the connection must outlive run().
    void attach(signalr::HubConnection& hub) { hub_ = &hub; }

    // Calls `method` with the request's id and the stream. Error: too many streams, or one with that id is under way.
    [[nodiscard]] Result<> start(config::RequestKind kind, std::string method, std::string request_id,
                                 signalr::UploadSource source);

    // Until it is cancelled: then the streams are ended and awaited.
    [[nodiscard]] Task<> run();

    [[nodiscard]] std::size_t size() const noexcept { return under_way_.size(); }
    // The longest item, for sources that shorten what they give: asked at each, since a reload may change it.
    [[nodiscard]] std::size_t max_item_bytes() const noexcept { return max_item_bytes_; }
    void update(const config::RequestKinds& allowed, std::size_t max_send_bytes);

  private:
    using Item = Result<std::optional<nlohmann::json>>;

    [[nodiscard]] Task<> upload(config::RequestKind kind, std::string method, std::string request_id,
                                signalr::UploadSource source);
    [[nodiscard]] Task<Item> next(config::RequestKind kind, TimePoint until, signalr::UploadSource source);
    [[nodiscard]] Task<> until_not_allowed(config::RequestKind kind);

    Executor executor_;
    Clock& clock_;
    signalr::HubConnection* hub_ = nullptr;
    std::size_t max_item_bytes_ = 0;
    config::RequestKinds allowed_;
    Event allowed_changed_;
    std::set<std::string> under_way_;  // ids of requests
    TaskGroup group_;
};

}  // namespace jiro::daemon
