// SPDX-License-Identifier: MIT
#include "daemon/status_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "daemon/reload.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/outbox_in_memory.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
using signalr::State;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class NoSender final : public delivery::ResultSender {
  public:
    Task<delivery::SendResult> send(const delivery::Bytes&, const std::string&, int, const TraceContext&) override {
        co_return delivery::SendResult{};
    }
    void reset() override {}
    void watch() override {}
    void cancel_calls() override {}
};

class StatusSourceTest : public ::testing::Test {
  protected:
    StatusSourceTest() {
        folder_.write("config.yaml", "{}");
        auto loaded = config::load_file(folder_.path() / "config.yaml", {});
        reloader_.emplace(context_.get_executor(), std::move(*loaded.config), Environment{}, clock_, notifier_,
                          [](const config::Config&) -> Result<> { return {}; });
        source_.emplace(StatusSource::Parts{clock_, hub_, commands_, *outbox_, courier_, *reloader_}, "machine-1");
        source_->set_hub_url("https://hub.example/hub");
    }

    void lose(signalr::errc why) {
        source_->note({State::disconnected, State::connected, {}, {}, {}, 0});
        source_->note({State::connected, State::reconnecting, Error(why, "lost"), {}, {}, 0});
    }

    ReloadReport reload() { return test::run_task(context_, reloader_->reload()); }

    boost::asio::io_context context_;
    test::ManualClock clock_;
    test::FixedRandom random_{0};
    test::TempDir folder_;
    ServiceNotifier notifier_;
    std::optional<Reloader> reloader_;
    signalr::HubConnection hub_{context_.get_executor(), {}, {.clock = clock_, .random = random_}};
    monitor::CommandQueueMonitor commands_;
    std::unique_ptr<delivery::Outbox> outbox_ = test::outbox_in_memory(clock_);
    std::optional<StatusSource> source_;
    delivery::Courier courier_{
        context_.get_executor(), *outbox_, std::make_shared<NoSender>(), clock_, random_, {}, {}};
};

// Before there is any connection everything has a value that means so.
TEST_F(StatusSourceTest, says_what_it_is_before_a_connection) {
    clock_.advance(5s);

    const auto status = source_->current();

    EXPECT_EQ(status.hub.state, ConnectionState::disconnected);
    EXPECT_EQ(status.instance_id, "machine-1");
    EXPECT_EQ(status.hub.url, "https://hub.example/hub");
    EXPECT_DOUBLE_EQ(status.uptime_seconds, 5);
    EXPECT_THAT(status.hub.connection_id, IsEmpty());
    EXPECT_FALSE(status.hub.connected_seconds);
    EXPECT_FALSE(status.hub.last_frame_age_seconds);
    EXPECT_FALSE(status.outbox.oldest_age_seconds);
    EXPECT_THAT(status.recent_errors, IsEmpty());
    EXPECT_THAT(status.delivery.attempts_by_status, IsEmpty());
    ASSERT_EQ(status.hub.reconnects_by_cause.size(), kLossCauseNames.size());
    for (const auto& [cause, count] : status.hub.reconnects_by_cause) EXPECT_EQ(count, 0U) << cause;
}

// Each way to lose a connection that stood counts under its cause; a failed attempt is no loss.
TEST_F(StatusSourceTest, counts_lost_connections_by_cause) {
    using signalr::errc;
    const std::vector<std::pair<errc, std::string>> rows = {
        {errc::connection_lost, "connection_lost"},
        {errc::send_timeout, "connection_lost"},
        {errc::server_timeout, "server_timeout"},
        {errc::closed_by_server, "closed_by_server"},
        {errc::websocket_closed, "websocket_closed"},
        {errc::invalid_json, "protocol_error"},
        {errc::message_too_big, "protocol_error"},
        {errc::settings_changed, "settings_changed"},
        {errc::internal, "other"},
    };
    for (const auto& [why, cause] : rows) lose(why);
    source_->note({State::connecting, State::failed, Error(errc::unauthorized, "401"), {}, {}, 1});
    source_->note({State::connected, State::disconnecting, {}, {}, {}, 0});

    EXPECT_THAT(source_->current().hub.reconnects_by_cause,
                ElementsAre(Pair("connection_lost", 2), Pair("server_timeout", 1), Pair("closed_by_server", 1),
                            Pair("websocket_closed", 1), Pair("protocol_error", 2), Pair("settings_changed", 1),
                            Pair("other", 1)));
}

// Every call to the result server counts under the status it ended with, and what was not confirmed is an error.
TEST_F(StatusSourceTest, counts_calls_by_their_status) {
    using delivery::StatusCode;
    source_->note(delivery::SendResult{StatusCode::ok, true, "", {}});
    source_->note(delivery::SendResult{StatusCode::unavailable, false, "connection refused", {}});
    source_->note(delivery::SendResult{StatusCode::unavailable, false, "connection refused", {}});
    source_->note(delivery::SendResult{StatusCode::ok, false, "not today", {}});
    source_->note(delivery::SendResult{StatusCode::internal, false, "", {}});

    const auto status = source_->current();

    EXPECT_THAT(status.delivery.attempts_by_status,
                ElementsAre(Pair("OK", 2), Pair("INTERNAL", 1), Pair("UNAVAILABLE", 2)));
    ASSERT_EQ(status.recent_errors.size(), 3U);
    EXPECT_EQ(status.recent_errors[0].message, "INTERNAL");
    EXPECT_EQ(status.recent_errors[1].message, "success=false: not today");
    EXPECT_EQ(status.recent_errors[2].message, "UNAVAILABLE: connection refused (2 times)");
    EXPECT_EQ(status.recent_errors[2].component, "delivery");
}

// A refused reload is an error once, however often the status is looked at, and degrades until a good one.
TEST_F(StatusSourceTest, remembers_a_refused_reload) {
    folder_.write("config.yaml", "Loging: {}");
    EXPECT_FALSE(reload().accepted());
    source_->sample();
    source_->sample();

    auto status = source_->current();
    ASSERT_EQ(status.recent_errors.size(), 1U);
    EXPECT_EQ(status.recent_errors[0].component, "reload");
    EXPECT_THAT(status.recent_errors[0].message, HasSubstr("last reload refused: "));
    EXPECT_THAT(monitor::readiness(status).degraded, Contains("the last reload was refused"));

    folder_.write("config.yaml", "{}");
    EXPECT_TRUE(reload().accepted());
    source_->sample();
    status = source_->current();
    EXPECT_EQ(status.recent_errors.size(), 1U);
    EXPECT_THAT(monitor::readiness(status).degraded, IsEmpty());
}

// What is not delivered for more than five minutes is an operator's business.
TEST_F(StatusSourceTest, is_degraded_when_a_result_waits_too_long) {
    const auto message = std::make_shared<const std::string>("bytes");
    ASSERT_TRUE(test::run_task(context_, outbox_->finished("a", Outcome::succeeded, message, delivery::Lease::no)));
    clock_.advance(300s);
    EXPECT_DOUBLE_EQ(source_->current().outbox.oldest_age_seconds.value(), 300);
    EXPECT_THAT(monitor::readiness(source_->current()).degraded, IsEmpty());
    clock_.advance(1s);
    EXPECT_THAT(monitor::readiness(source_->current()).degraded,
                ElementsAre("the oldest undelivered result waits for 5 min 1 s"));
}

}  // namespace
}  // namespace jiro::daemon
