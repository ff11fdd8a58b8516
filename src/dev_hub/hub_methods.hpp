// SPDX-License-Identifier: MIT
#pragma once
// Hub methods that a client may call, so that its invoke, stream and upload can be tried: Echo(x) returns x, Fail(text)
// fails, Stream(n[, delayMs]) streams 0..n-1, Upload(stream) returns how many items came, Ping() returns nothing. And
// the two that clients of the production hub call: ReceiveLogsStream(requestId, stream) and
// ReceiveSessionMessagesStream (requestId, stream) log each item.

#include <functional>
#include <map>
#include <set>
#include <string>
#include "jiro/base/task.hpp"

#include "dev_hub/hub_records.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/task_group.hpp"

namespace jiro::dev_hub {

// One connection's open calls. Runs on the event loop; the owner awaits finish().
class HubMethods {
  public:
    using Write = std::function<void(std::string record)>;
    HubMethods(Executor executor, Clock& clock, Write write);

    // Types 1, 2, 3 (of an upload stream), 4 and 5. False: a completion that belongs to no upload of ours.
    bool handle(HubMessage message);
    [[nodiscard]] Task<> finish();

  private:
    struct Upload {
        std::string invocation_id;
        std::int64_t items = 0;
        std::string request_id = {};  // not empty: its items are logged, and the call returns nothing
    };
    void call(const HubMessage& message);
    void start_stream(const HubMessage& message);
    static Task<> stream(HubMethods& self, std::string id, std::int64_t count, Duration delay);

    Executor executor_;
    Clock& clock_;
    Write write_;
    std::map<std::string, Upload> uploads_;  // by stream id
    std::set<std::string> streams_;          // invocation ids; erased when cancelled
    TaskGroup tasks_;
};

}  // namespace jiro::dev_hub
