// SPDX-License-Identifier: MIT
// The promise of docs/operations.md: a day without hub and result server costs fewer than 200 lines of log. The real
// connection and the real courier, on a clock moved by hand, with the log's own suppression of repeats.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <random>

#include "base/log_budget.hpp"
#include "jiro/delivery/courier.hpp"
#include "jiro/signalr/hub_connection.hpp"
#include "support/manual_clock.hpp"
#include "support/outbox_in_memory.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

// Counts what an output would write at level info.
class LineCount final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    std::size_t lines = 0;
    std::string first_lines;

  private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (message.level < spdlog::level::info || ++lines > 300) return;
        const log::Record record = log::unpack(message);
        first_lines += std::string(record.component) + ": " + std::string(record.message) + '\n';
    }
    void flush_() override {}
};

class JournalCount {
  public:
    explicit JournalCount(const Clock& clock)
        : budget_(std::make_shared<log::BudgetSink>(count, [&clock] { return clock.now(); })) {
        log::use_sink_for_test(budget_);
    }
    ~JournalCount() { log::use_sink_for_test(nullptr); }
    JournalCount(const JournalCount&) = delete;
    JournalCount& operator=(const JournalCount&) = delete;

    void tell_due() { budget_->flush(); }

    const std::shared_ptr<LineCount> count = std::make_shared<LineCount>();

  private:
    const std::shared_ptr<log::BudgetSink> budget_;
};

// Jitter as it is in the field, the same in every run.
class SeededRandom final : public RandomSource {
  public:
    std::uint64_t next() override { return engine_(); }

  private:
    std::mt19937_64 engine_{4711};  // NOLINT(cert-msc51-cpp): the same numbers each time
};

class UnavailableServer final : public delivery::ResultSender {
  public:
    Task<delivery::SendResult> send(const delivery::Bytes&, const std::string&, int, const TraceContext&) override {
        ++calls;
        co_return delivery::SendResult{delivery::StatusCode::unavailable, false, "connection refused", {}};
    }
    void reset() override {}
    void watch() override {}
    void cancel_calls() override {}

    int calls = 0;
};

class Outage {
  public:
    explicit Outage(int attempts) {
        settings_.hub_url = *Url::parse("http://hub.test/hub");
        settings_.max_reconnection_attempts = attempts;
        connector_->answers.assign(50'000, Error(http::errc::connect_failed, "connecting failed"));
        signalr::Dependencies dependencies{.clock = clock_, .random = random_};
        dependencies.connector = connector_;
        hub_.emplace(context_.get_executor(), settings_, std::move(dependencies));
        courier_.emplace(context_.get_executor(), *outbox_, server_, clock_, random_, delivery::GrpcSettings{},
                         delivery::OutboxSettings{});
    }

    ~Outage() {
        stop_.emit(asio::cancellation_type::terminal);
        asio::co_spawn(context_, hub_->stop(), asio::detached);
        test::settle(context_);
        clock_.advance(10s);
        test::settle(context_);
    }

    // `results` ended just before it began.
    void begin(int results) {
        asio::co_spawn(context_, hub_->run(), asio::detached);
        asio::co_spawn(context_, courier_->run(), asio::bind_cancellation_slot(stop_.slot(), asio::detached));
        for (int i = 0; i < results; ++i) {
            FinishedCommand command;
            command.message.command_sync_id = "id-" + std::to_string(i);
            command.command_name = "echo";
            command.result = CommandResult::text("text");
            asio::co_spawn(context_, courier_->finish(std::move(command)), asio::detached);
        }
        test::settle(context_);
    }

    void last(Duration duration) {
        const auto end = clock_.now() + duration;
        while (clock_.now() < end) {
            const auto next = std::clamp(clock_.next_deadline(), clock_.now() + 1ms, end);
            clock_.advance(next - clock_.now());
            journal.tell_due();
            test::settle(context_);
        }
    }

    [[nodiscard]] std::size_t attempts() const { return connector_->posts(); }
    [[nodiscard]] int calls() const { return server_->calls; }
    [[nodiscard]] std::uint64_t pending() const { return outbox_->figures().pending; }

  private:
    asio::io_context context_{1};
    test::ManualClock clock_;
    SeededRandom random_;
    signalr::Settings settings_;
    std::shared_ptr<test::ScriptedConnector> connector_ =
        std::make_shared<test::ScriptedConnector>(context_.get_executor());
    std::optional<signalr::HubConnection> hub_;
    std::shared_ptr<UnavailableServer> server_ = std::make_shared<UnavailableServer>();
    std::unique_ptr<delivery::Outbox> outbox_ = test::outbox_in_memory(clock_);
    std::optional<delivery::Courier> courier_;
    asio::cancellation_signal stop_;

  public:
    JournalCount journal{clock_};
};

void expect_few_lines_in_a_day(int attempts) {
    Outage outage(attempts);
    outage.begin(20);
    outage.last(24h);

    EXPECT_LT(outage.journal.count->lines, 200U) << outage.journal.count->first_lines;
    EXPECT_GE(outage.journal.count->lines, 10U) << "an outage must be seen in the log\n"
                                                << outage.journal.count->first_lines;
    EXPECT_GT(outage.attempts(), 1000U);
    EXPECT_GT(outage.calls(), 100);
    EXPECT_EQ(outage.pending(), 20U);
}

// The default policy: Failed after five attempts, again after a minute.
TEST(OutageLog, a_day_costs_fewer_than_200_lines) { expect_few_lines_in_a_day(5); }

TEST(OutageLog, a_day_costs_fewer_than_200_lines_without_a_limit_of_attempts) { expect_few_lines_in_a_day(-1); }

}  // namespace
}  // namespace jiro::daemon
