// SPDX-License-Identifier: MIT
#pragma once
// A SignalR connection that stays: it connects, keeps alive, reconnects under the policy of docs/signalr-client.md,
// hands invocations to handlers, and calls the hub. The daemon owns one; any C++ program can. All members are called on
// the event loop (the executor's one thread). A network failure is never an exception: it is a state, last_error() and
// a log line.
//
// Destroying a HubConnection does not end its run(), which keeps what it needs and goes on: await stop() before that,
// or cancel run(). Handlers and streams may outlive the object; their calls then fail with not_active.
//
//     HubConnection hub(executor, settings, {.clock = clock, .random = random, .credentials = read_credentials});
//     auto greet = hub.on("Greet", bind<std::string>(greet_user));   // handlers outlive reconnects
//     co_await (hub.run() && main_program(hub));                     // main_program awaits hub.stop() at its end

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/connection_state.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/random.hpp"
#include "jiro/base/task.hpp"
#include "jiro/signalr/errors.hpp"
#include "jiro/signalr/invocation.hpp"
#include "jiro/signalr/settings.hpp"

namespace jiro::signalr {

class Connector;  // how sockets are made; src/signalr/transport/transport.hpp

using State = ConnectionState;

struct StateChange {
    State from = State::disconnected;
    State to = State::disconnected;
    std::optional<Error> error;                // why, for reconnecting, failed and the final disconnected
    std::optional<std::string> connection_id;  // for connected; nullopt with SkipNegotiation
    std::optional<Duration> next_delay;        // until the next attempt, for reconnecting and failed
    int attempt = 0;                           // attempts since the connection last was stable
};

// What a retry policy is asked: the count of failed attempts before (0 first), time since the loss, and the reason.
struct RetryContext {
    int previous_retry_count = 0;
    Duration elapsed{};
    const Error* reason = nullptr;
};

// The delay before the next attempt; nullopt: give up, the state becomes Failed. Replaces the built-in policy (tests;
// special needs). A policy that throws gives up.
using RetryPolicy = std::function<std::optional<Duration>(const RetryContext&)>;

struct Dependencies {
    Clock& clock;
    RandomSource& random;
    CredentialsProvider credentials = {};             // none: no credentials are sent
    std::shared_ptr<Connector> connector = nullptr;   // null: sockets through Beast
    RetryPolicy retry_policy = {};                    // none: the settings' policy
    Environment environment = process_environment();  // for the proxy
};

// A registered handler; it is removed when this goes away. A handler that is running then runs to its end.
class [[nodiscard]] Subscription {
  public:
    Subscription() = default;
    explicit Subscription(std::function<void()> remove) : remove_(std::move(remove)) {}
    Subscription(Subscription&& other) noexcept : remove_(std::exchange(other.remove_, nullptr)) {}
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription() { remove(); }

    void remove();                               // at once; harmless when repeated
    void keep() noexcept { remove_ = nullptr; }  // the handler stays for the connection's life

  private:
    std::function<void()> remove_;
};

// Gives the items of an upload stream one by one: a value, nullopt at the end, an Error to fail it.
using UploadSource = std::function<Task<Result<std::optional<nlohmann::json>>>()>;

struct CallOptions {
    std::optional<Duration> deadline = {};   // from now; then the call fails with call_timeout and the hub is told
    std::vector<UploadSource> uploads = {};  // client-to-server streams of this call
    // Of the message, not of HTTP: the caller's trace context (W3C traceparent, tracestate), which the server
    // continues.
    std::map<std::string, std::string> headers = {};
};

// A server-to-client stream. Destroying it cancels it.
class StreamReader {
  public:
    StreamReader();  // empty: next() gives not_active
    StreamReader(StreamReader&&) noexcept;
    StreamReader& operator=(StreamReader&&) noexcept;
    ~StreamReader();

    // The next item; nullopt at the end; the stream's error after all items that came before it.
    [[nodiscard]] Task<Result<std::optional<nlohmann::json>>> next();
    // Tells the hub to stop (once, and only while it runs); what is buffered is dropped, next() gives call_cancelled.
    void cancel();

  private:
    friend class HubConnection;
    struct Impl;
    explicit StreamReader(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

class HubConnection {
  public:
    HubConnection(Executor executor, Settings settings, Dependencies dependencies);
    ~HubConnection();
    HubConnection(const HubConnection&) = delete;
    HubConnection& operator=(const HubConnection&) = delete;

    // Connects and stays connected until stop(); called once. Handlers that still run at the end are cancelled and
    // awaited.
    [[nodiscard]] Task<> run();
    // Answers what is unanswered, sends the hub a Close, closes with 1000, all within the close limit; returns when
    // run() has ended (at once if it never started; it then returns at once when it does).
    [[nodiscard]] Task<> stop();
    // Invocations whose handler is at work, or whose completion has not gone to the connection.
    [[nodiscard]] std::size_t unanswered() const noexcept;

    // Ends a delay at once: new credentials, network is back. Harmless otherwise.
    void retry_now();
    // Used from the next attempt on; if the way to the hub changed (URL, proxy, TLS, headers), that attempt is now.
    void update(Settings settings);

    // Several handlers of a target run in order of registration; at most one returns a result (a second: logic_error).
    Subscription on(std::string target, Handler handler);
    // `make_reader`: for a handler that reads its arguments itself, one for each invocation (Invocation::reader).
    Subscription on_result(std::string target, ResultHandler handler, OverLimit over_limit = OverLimit::refuse,
                           std::function<ArgumentsReader()> make_reader = nullptr);
    void on_state_changed(std::function<void(const StateChange&)> observer);

    // All fail at once with not_active unless connected, but wait for the end of the very first attempt while that is
    // under way; all are cancelled with the awaiting coroutine (the hub is
    // told). `arguments` is an array. Each message is queued when the call returns or waits; the order of calls is the
    // order sent.
    [[nodiscard]] Task<Result<void>> send(std::string target, nlohmann::json arguments, CallOptions options = {});
    // nullopt: the hub's method returned nothing.
    [[nodiscard]] Task<Result<std::optional<nlohmann::json>>> invoke(std::string target, nlohmann::json arguments,
                                                                     CallOptions options = {});
    [[nodiscard]] Task<Result<StreamReader>> stream(std::string target, nlohmann::json arguments,
                                                    CallOptions options = {});
    // invoke() whose result must be a T: otherwise the call (not the connection) fails with result_mismatch.
    template <typename T>
    [[nodiscard]] Task<Result<T>> invoke_as(std::string target, nlohmann::json arguments, CallOptions options = {});

    [[nodiscard]] State state() const noexcept;
    [[nodiscard]] std::optional<Url> connected_url() const;  // while connected: the hub's, or where that redirected to
    [[nodiscard]] std::optional<std::string> connection_id() const;  // while connected; none with SkipNegotiation
    [[nodiscard]] std::optional<Error> last_error() const;
    [[nodiscard]] std::optional<TimePoint> last_frame_at() const;    // of the last complete record
    [[nodiscard]] int attempts() const noexcept;                     // failed since the connection last was stable
    [[nodiscard]] std::optional<TimePoint> next_attempt_at() const;  // while waiting for it

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;  // shared with handlers and streams that may outlive this object
};

template <typename T>
Task<Result<T>> HubConnection::invoke_as(std::string target, nlohmann::json arguments, CallOptions options) {
    auto reply = co_await invoke(std::move(target), std::move(arguments), std::move(options));
    if (!reply) co_return reply.error();
    T value{};
    if (!*reply || !read_value(**reply, value)) {
        co_return Error(errc::result_mismatch,
                        "Error trying to deserialize result: it does not have the expected type");
    }
    co_return value;
}

}  // namespace jiro::signalr
