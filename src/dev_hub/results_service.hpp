// SPDX-License-Identifier: MIT
#pragma once
// The gRPC server behind JiroHubProto. gRPC's threads check the credentials and parse the message; then the call is
// posted to the event loop, whose handler answers it, at once or later. An unanswered call that is let go of is
// answered CANCELLED, so that no call ever hangs the server.

#include <functional>
#include <memory>
#include <string>
#include "jiro/base/task.hpp"

#include "dev_hub/options.hpp"
#include "dev_hub/result_store.hpp"

namespace jiro::dev_hub {

// One call of SendCommandResult, to be answered exactly once. Used on the event loop.
class ResultCall {
  public:
    virtual ~ResultCall() = default;
    [[nodiscard]] virtual const std::shared_ptr<const ReceivedResult>& result() const = 0;
    virtual void answer(bool success, std::string message) = 0;
    virtual void fail(int status, std::string message) = 0;
    // The server cancels its own call: the client sees a reply that was lost on the way.
    virtual void cancel() = 0;
    // No answer; the call ends when the client gives up.
    virtual void stay_silent() = 0;
};

class ResultsService {
  public:
    using OnCall = std::function<void(std::shared_ptr<ResultCall>)>;
    using OnRefused = std::function<void(std::string reason)>;

    struct Settings {
        Endpoint address;
        std::optional<TlsFiles> tls;
        Secret token;
        Secret api_key;
    };

    // `on_call` and `on_refused` run on `executor`.
    [[nodiscard]] static std::unique_ptr<ResultsService> make(Executor executor, Settings settings, OnCall on_call,
                                                              OnRefused on_refused);
    ResultsService() = default;
    virtual ~ResultsService() = default;  // stop()s
    ResultsService(const ResultsService&) = delete;
    ResultsService& operator=(const ResultsService&) = delete;

    // Binds and serves. The returned port is the bound one; a later start() uses it again.
    [[nodiscard]] virtual Result<std::uint16_t> start() = 0;
    // Ends the open calls and the connections; blocks for the milliseconds that takes.
    virtual void stop() = 0;
    [[nodiscard]] virtual bool running() const noexcept = 0;
};

}  // namespace jiro::dev_hub
