// SPDX-License-Identifier: MIT
#pragma once
// A HubConnection on a scripted hub and a manual clock: what every driver test starts from.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jiro/signalr/hub_connection.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace jiro::test {

class Bench {
  public:
    Bench() : connector(std::make_shared<ScriptedConnector>(context.get_executor())) {
        settings.hub_url = *Url::parse("http://hub.test/hub");
    }

    ~Bench() { shut_down(); }

    // Called first by the destructor of whoever owns what handlers and calls refer to.
    void shut_down() {
        if (!hub) return;
        boost::asio::co_spawn(context, hub->stop(), boost::asio::detached);
        settle(context);
        clock.advance(std::chrono::seconds(10));
        settle(context);
        hub.reset();
    }

    // Settings, policy and handlers may be set before; start() makes and runs the connection.
    signalr::HubConnection& make() {
        signalr::Dependencies dependencies{.clock = clock, .random = random};
        dependencies.connector = connector;
        dependencies.retry_policy = policy;
        dependencies.credentials = credentials;
        dependencies.environment = {};
        hub = std::make_unique<signalr::HubConnection>(context.get_executor(), settings, std::move(dependencies));
        hub->on_state_changed([this](const signalr::StateChange& change) { changes.push_back(change); });
        return *hub;
    }

    void start() {
        if (!hub) make();
        boost::asio::co_spawn(context, hub->run(), [this](const std::exception_ptr& exception) {
            run_ended = true;
            failure = exception;
        });
        settle(context);
    }

    void advance(Duration duration) {
        clock.advance(duration);
        settle(context);
    }
    // In steps of a second, as real time would pass.
    void pass(std::chrono::seconds duration) {
        for (auto i = duration.count(); i > 0; --i) advance(std::chrono::seconds(1));
    }
    void deliver(std::string bytes) {
        connector->socket().deliver(std::move(bytes));
        settle(context);
    }
    [[nodiscard]] ScriptedSocket& socket() const { return connector->socket(); }
    [[nodiscard]] signalr::State state() const { return hub->state(); }
    [[nodiscard]] std::vector<signalr::State> states() const {
        std::vector<signalr::State> result;
        for (const auto& change : changes) result.push_back(change.to);
        return result;
    }

    template <typename T>
    void spawn(Task<T> task, std::function<void(T)> then) {
        boost::asio::co_spawn(context, std::move(task), [then](std::exception_ptr exception, T value) {
            if (!exception) then(std::move(value));
        });
        settle(context);
    }

    boost::asio::io_context context{1};
    ManualClock clock;
    FixedRandom random{0};
    signalr::Settings settings;
    signalr::RetryPolicy policy;
    signalr::CredentialsProvider credentials;
    std::shared_ptr<ScriptedConnector> connector;
    std::unique_ptr<signalr::HubConnection> hub;
    std::vector<signalr::StateChange> changes;
    bool run_ended = false;
    std::exception_ptr failure;
};

// The delays of `delays` in order, then giving up.
inline signalr::RetryPolicy fixed_policy(std::vector<Duration> delays) {
    return [delays = std::move(delays)](const signalr::RetryContext& context) -> std::optional<Duration> {
        const auto index = static_cast<std::size_t>(context.previous_retry_count);
        if (index >= delays.size()) return std::nullopt;
        return delays[index];
    };
}

}  // namespace jiro::test
