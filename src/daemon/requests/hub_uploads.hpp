// SPDX-License-Identifier: MIT
#pragma once
// Streams that the hub asked for: each is a call of a method of the hub's with an upload stream, beside the answer to
// the request that asked. A stream ends with its source, with the hub's method, with the connection, or after
// kLongest. Nothing waits for such a call: a server may run one call of a client at a time. Event loop only.

#include <set>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/task_group.hpp"
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
    [[nodiscard]] Result<> start(std::string method, std::string request_id, signalr::UploadSource source);

    // Until it is cancelled: then the streams are ended and awaited.
    [[nodiscard]] Task<> run();

    [[nodiscard]] std::size_t size() const noexcept { return under_way_.size(); }
    // The longest record, for sources that shorten what they give.
    [[nodiscard]] std::size_t max_item_bytes() const noexcept { return max_item_bytes_; }
    void set_max_send_bytes(std::size_t bytes);

  private:
    [[nodiscard]] Task<> upload(std::string method, std::string request_id, signalr::UploadSource source);
    [[nodiscard]] Task<> send(const std::string& method, const std::string& request_id, signalr::UploadSource source);

    Executor executor_;
    Clock& clock_;
    signalr::HubConnection* hub_ = nullptr;
    std::size_t max_item_bytes_ = 0;
    std::set<std::string> under_way_;  // ids of requests
    TaskGroup group_;
};

}  // namespace jiro::daemon
