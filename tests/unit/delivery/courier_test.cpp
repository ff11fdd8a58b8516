// SPDX-License-Identifier: MIT
#include "jiro/delivery/courier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "fake_sender.hpp"
#include "full_outbox.hpp"
#include "jiro/delivery/errors.hpp"
#include "support/fixed_random.hpp"
#include "support/log_capture.hpp"
#include "support/manual_clock.hpp"
#include "support/outbox_in_memory.hpp"
#include "support/run_task.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
namespace asio = boost::asio;

FinishedCommand finished(const std::string& id, std::string text = "text") {
    FinishedCommand command;
    command.message.command_sync_id = id;
    command.command_name = "echo";
    command.result = CommandResult::text(std::move(text));
    return command;
}

Receipt receipt(const std::string& id) {
    Receipt result;
    result.id = id;
    result.fingerprint.fill(7);
    result.payload = "payload";
    result.run_before = WallTime::max();
    return result;
}

class CourierTest : public testing::Test {
  protected:
    ~CourierTest() override { stop(); }

    void start() {
        courier_.emplace(
            context_.get_executor(), *outbox_, fake_, clock_, random_, grpc_, outbox_settings_,
            CourierObserver{.delivered = [this](const Delivery& delivery) { deliveries_.push_back(delivery); },
                            .answered = [this](SendResult&) { ++answers_; },
                            .given_up = [this](const std::string& id) { given_up_.insert(id); }});
        asio::co_spawn(
            context_, courier_->run(),
            asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr&) { has_ended_ = true; }));
        test::settle(context_);
    }

    void stop() {
        if (!courier_ || has_ended_) return;
        stop_.emit(asio::cancellation_type::terminal);
        test::settle(context_);
        EXPECT_TRUE(has_ended_);
    }

    void finish(const std::string& id, std::string text = "text") {
        asio::co_spawn(context_, courier_->finish(finished(id, std::move(text))), asio::detached);
        test::settle(context_);
    }

    // Before start(): an outbox that can be told that its disk is full.
    FullOutbox& use_full_outbox() {
        auto full = std::make_unique<FullOutbox>(std::move(outbox_));
        FullOutbox& disk = *full;
        outbox_ = std::move(full);
        return disk;
    }

    // A result that lies in the outbox as if a previous process had left it.
    void leave_behind(const std::string& id) {
        (void)test::run_task(context_, outbox_->received(receipt(id), FirstState::running));
        (void)test::run_task(context_, outbox_->finished(id, Outcome::succeeded, serialise(finished(id)), Lease::no));
    }

    // Time passes step by step, so that everything happens at its own moment.
    void advance(Duration duration) {
        const TimePoint target = clock_.now() + duration;
        while (clock_.now() < target) {
            const TimePoint next = std::clamp(clock_.next_deadline(), clock_.now() + 1ms, target);
            clock_.advance(next - clock_.now());
            test::settle(context_);
        }
    }

    // Days pass in coarser steps.
    void leap(Duration duration, Duration step) {
        for (Duration passed{}; passed < duration; passed += step) {
            clock_.advance(step);
            test::settle(context_);
        }
    }

    RowState state_of(const std::string& id) {
        const auto details = test::run_task(context_, outbox_->show(id));
        return details ? details->summary.state : RowState::received;
    }

    asio::io_context context_;
    test::ManualClock clock_;
    test::FixedRandom random_{123'456'789};
    GrpcSettings grpc_;
    OutboxSettings outbox_settings_;
    std::unique_ptr<Outbox> outbox_ = test::outbox_in_memory(clock_, outbox_settings_);
    std::shared_ptr<FakeSender> fake_ = std::make_shared<FakeSender>(clock_);
    FakeSender& sender_ = *fake_;
    std::optional<Courier> courier_;
    asio::cancellation_signal stop_;
    bool has_ended_ = false;
    std::vector<Delivery> deliveries_;
    std::set<std::string> given_up_;
    int answers_ = 0;
};

// The everyday case: one commit, one call, delivered.
TEST_F(CourierTest, sends_a_finished_result_at_once) {
    start();
    finish("a");
    EXPECT_THAT(sender_.ids(), ElementsAre("a"));
    EXPECT_EQ(state_of("a"), RowState::delivered);
    EXPECT_EQ(courier_->figures().delivered, 1U);
    ASSERT_EQ(deliveries_.size(), 1U);
    EXPECT_EQ(deliveries_[0].attempts, 0);
}

// A reload may put another sender in the place of the one that sends: a call under way ends with the old one.
TEST_F(CourierTest, sends_with_the_sender_that_is_in_use) {
    sender_.latency = 1s;
    start();
    finish("a");
    const auto other = std::make_shared<FakeSender>(clock_);
    courier_->use(other);
    finish("b");
    advance(1s);

    EXPECT_EQ(sender_.cancellations, 1);
    EXPECT_THAT(sender_.ids(), ElementsAre("a"));
    EXPECT_THAT(other->ids(), ElementsAre("b"));
    EXPECT_EQ(answers_, 2);
}

// A call that was cancelled for that says nothing of the server or the result: it is made anew, with the new one.
TEST_F(CourierTest, makes_a_call_that_use_cancelled_anew) {
    outbox_settings_.max_age = 0h;
    grpc_.max_retries = 0;
    sender_.latency = 1s;
    sender_.answer = [](const std::string&, int) {
        auto cancelled = FakeSender::status(StatusCode::cancelled);
        cancelled.is_by_us = true;
        return cancelled;
    };
    start();
    finish("a");
    const auto other = std::make_shared<FakeSender>(clock_);
    courier_->use(other);
    courier_->retry_now();
    advance(1s);
    EXPECT_THAT(other->ids(), ElementsAre("a"));
    EXPECT_EQ(other->sent.at(0).attempt, 1);
    EXPECT_EQ(state_of("a"), RowState::delivered);
    EXPECT_EQ(answers_, 1);
    EXPECT_EQ(courier_->figures().last_error, "");
}

// While calls are under way the sender looks again and again whether their answers fit into memory; then nobody does.
TEST_F(CourierTest, has_long_calls_watched) {
    sender_.latency = 10s;
    start();
    finish("a");
    advance(9s);
    EXPECT_GT(sender_.watches, 10);
    advance(2s);
    const int watches = sender_.watches;
    advance(1min);
    EXPECT_EQ(sender_.watches, watches);
}

// MaxRetries fast attempts with growing delays; the bytes are the same each time.
TEST_F(CourierTest, repeats_fast_and_byte_for_byte) {
    sender_.answer = [](const std::string&, int attempt) {
        return attempt < 4 ? FakeSender::status(StatusCode::internal) : FakeSender::ok();
    };
    start();
    finish("a");
    advance(8s);
    ASSERT_EQ(sender_.sent.size(), 4U);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(sender_.sent[static_cast<std::size_t>(i)].attempt, i + 1);
        EXPECT_EQ(sender_.sent[static_cast<std::size_t>(i)].bytes, sender_.sent[0].bytes);
    }
    EXPECT_EQ(courier_->figures().retries, 3U);
    EXPECT_EQ(state_of("a"), RowState::delivered);
}

// What a previous process left goes out oldest first: 1, 2, 4, 8, ... at once.
TEST_F(CourierTest, drains_a_backlog_oldest_first_with_a_growing_window) {
    std::vector<std::string> expected;
    for (int i = 0; i < 300; ++i) {
        expected.push_back("id-" + std::to_string(1000 + i));
        leave_behind(expected.back());
        clock_.advance(1ms);
    }
    sender_.latency = 10ms;
    start();
    EXPECT_EQ(sender_.sent.size(), 1U);
    advance(10ms);
    EXPECT_EQ(sender_.in_flight, 2);
    advance(10ms);
    EXPECT_EQ(sender_.in_flight, 4);
    advance(10ms);
    EXPECT_EQ(sender_.in_flight, 8);
    advance(1s);
    EXPECT_EQ(sender_.ids(), expected);
    EXPECT_EQ(sender_.most_in_flight, 64);
    EXPECT_EQ(outbox_->figures().pending, 0U);
}

// An outage of an hour with hundreds of results costs one probe at a time, at most one a half minute, and loses none.
TEST_F(CourierTest, costs_one_probe_at_a_time_in_an_outage) {
    bool is_away = true;
    sender_.answer = [&](const std::string&, int) {
        return is_away ? FakeSender::status(StatusCode::unavailable, "connection refused") : FakeSender::ok();
    };
    sender_.latency = 5ms;
    start();
    for (int i = 0; i < 300; ++i) finish("id-" + std::to_string(i));
    advance(1min);
    EXPECT_EQ(courier_->figures().channel, ChannelState::probing);
    const auto before = sender_.sent.size();
    EXPECT_LT(before, 40U);
    sender_.most_in_flight = 0;
    advance(1h);
    EXPECT_LT(sender_.sent.size() - before, 130U);
    EXPECT_EQ(sender_.most_in_flight, 1);
    EXPECT_EQ(outbox_->figures().pending, 300U);

    is_away = false;
    advance(2min);
    EXPECT_EQ(outbox_->figures().pending, 0U);
    EXPECT_EQ(sender_.confirmed.size(), 300U);
    EXPECT_EQ(courier_->figures().channel, ChannelState::open);
    EXPECT_EQ(courier_->figures().channel_reason, "");
}

// Refused credentials park the channel at the first answer; a reload tries at once and everything goes out.
TEST_F(CourierTest, parks_on_refused_credentials_until_a_reload) {
    bool is_refused = true;
    sender_.answer = [&](const std::string&, int) {
        return is_refused ? FakeSender::status(StatusCode::unauthenticated, "token expired") : FakeSender::ok();
    };
    start();
    for (int i = 0; i < 20; ++i) finish("id-" + std::to_string(i));
    EXPECT_EQ(sender_.sent.size(), 1U);
    EXPECT_EQ(courier_->figures().channel, ChannelState::parked);
    EXPECT_EQ(courier_->figures().channel_reason, "UNAUTHENTICATED: token expired");
    advance(20s);
    EXPECT_EQ(sender_.sent.size(), 1U);
    advance(60min);
    EXPECT_LT(sender_.sent.size(), 14U);
    EXPECT_EQ(outbox_->figures().pending, 20U);

    is_refused = false;
    courier_->retry_now();
    test::settle(context_);
    EXPECT_EQ(outbox_->figures().pending, 0U);
    EXPECT_EQ(sender_.resets, 1);
}

// One result that the server denies, in the words of wrong credentials, holds the others up once: the next probe is
// another one, and from then on it is that one's own trouble.
TEST_F(CourierTest, is_parked_once_for_a_result_that_is_denied) {
    grpc_.max_retry_delay = 1s;
    sender_.answer = [](const std::string& id, int) {
        return id == "denied" ? FakeSender::status(StatusCode::permission_denied) : FakeSender::ok();
    };
    start();
    finish("denied");
    for (int i = 0; i < 30; ++i) {
        finish("id-" + std::to_string(i));
        advance(2s);
    }
    EXPECT_EQ(sender_.confirmed.size(), 30U);
    advance(1h);
    EXPECT_EQ(courier_->figures().channel, ChannelState::open);
    finish("last");
    EXPECT_EQ(state_of("last"), RowState::delivered);
    EXPECT_EQ(state_of("denied"), RowState::done);
    const auto tries = std::ranges::count(sender_.ids(), "denied");
    EXPECT_GT(tries, 5);
    EXPECT_LT(tries, 40);
}

// A server that denies some results and takes others is known for it: each denied one is its own trouble.
TEST_F(CourierTest, is_parked_once_for_many_results_that_are_denied) {
    sender_.answer = [](const std::string& id, int) {
        return id.starts_with("bad") ? FakeSender::status(StatusCode::permission_denied) : FakeSender::ok();
    };
    start();
    finish("bad-0");
    finish("good-0");
    advance(2min);
    finish("good");
    for (int i = 1; i < 20; ++i) {
        const auto number = std::to_string(i);
        finish("bad-" + number);
        EXPECT_EQ(courier_->figures().channel, ChannelState::open);
        finish("good-" + number);
        EXPECT_EQ(state_of("good-" + number), RowState::delivered);
    }
    for (int i = 20; i < 24; ++i) finish("bad-" + std::to_string(i));
    EXPECT_EQ(courier_->figures().channel, ChannelState::open);
    finish("last");
    EXPECT_EQ(state_of("last"), RowState::delivered);
    advance(1h);
    EXPECT_EQ(courier_->figures().channel, ChannelState::open);
    finish("bad-24");  // nothing was taken for long
    EXPECT_EQ(courier_->figures().channel, ChannelState::parked);
}

// Credentials that cannot be used park the channel whatever result they were wanted for.
TEST_F(CourierTest, is_parked_by_its_own_credentials_also_with_a_result_that_was_denied) {
    bool is_usable = true;
    sender_.answer = [&](const std::string& id, int) {
        if (id != "denied") return FakeSender::ok();
        SendResult answer = FakeSender::status(StatusCode::permission_denied);
        answer.is_local = !is_usable;
        return answer;
    };
    start();
    finish("denied");
    finish("other");
    advance(2min);
    EXPECT_EQ(courier_->figures().channel, ChannelState::open);
    is_usable = false;
    clock_.advance(10min);
    test::settle(context_);
    EXPECT_EQ(courier_->figures().channel, ChannelState::parked);
}

// A server that answers every call, if badly, is asked for each other result soon.
TEST_F(CourierTest, asks_soon_for_the_others_where_each_call_is_answered) {
    sender_.answer = [](const std::string& id, int) {
        return id.starts_with("bad") ? FakeSender::status(StatusCode::internal) : FakeSender::ok();
    };
    for (int i = 0; i < 30; ++i) leave_behind("bad-" + std::to_string(i));
    leave_behind("good");
    start();
    advance(6min);
    EXPECT_EQ(state_of("good"), RowState::delivered);
}

// Whoever looks into the outbox sees of each result what was tried and what was said of it, not of another one.
TEST_F(CourierTest, tells_each_results_own_attempts_and_error) {
    sender_.answer = [](const std::string& id, int) {
        if (id == "a") return FakeSender::status(StatusCode::internal, "a's own trouble");
        return FakeSender::status(StatusCode::permission_denied, "b may not");
    };
    start();
    finish("a");
    const auto row_of = [this](const char* id) {
        courier_->write_down();
        return test::run_task(context_, outbox_->show(id))->summary;
    };
    EXPECT_EQ(row_of("a").attempts, 1);
    EXPECT_GT(row_of("a").due_at, outbox_->now());
    finish("b");
    EXPECT_EQ(row_of("a").last_error, "INTERNAL: a's own trouble");
    EXPECT_EQ(row_of("b").last_error, "PERMISSION_DENIED: b may not");
    EXPECT_EQ(row_of("b").attempts, 1);
}

// Results held by a parked channel are not forgotten without a reload either: the probe finds out.
TEST_F(CourierTest, unparks_by_itself) {
    bool is_refused = true;
    sender_.answer = [&](const std::string&, int) {
        return is_refused ? FakeSender::status(StatusCode::unimplemented) : FakeSender::ok();
    };
    start();
    finish("a");
    finish("b");
    advance(3h);
    is_refused = false;
    advance(15min);
    EXPECT_EQ(outbox_->figures().pending, 0U);
}

// One result that the server chokes on does not hold the others up.
TEST_F(CourierTest, lets_a_failing_result_step_behind) {
    sender_.answer = [](const std::string& id, int) {
        return id == "poison" ? FakeSender::status(StatusCode::unavailable) : FakeSender::ok();
    };
    start();
    finish("poison");
    for (int i = 0; i < 50; ++i) {
        finish("id-" + std::to_string(i));
        advance(100ms);
    }
    advance(2min);
    EXPECT_EQ(sender_.confirmed.size(), 50U);
    EXPECT_EQ(state_of("poison"), RowState::done);
    advance(2h);
    EXPECT_LT(std::ranges::count(sender_.ids(), "poison"), 150);
}

// The same when it is the oldest of a backlog and thus the probe after an outage.
TEST_F(CourierTest, does_not_probe_with_the_same_poison_for_ever) {
    for (const char* id : {"poison", "b", "c"}) {
        leave_behind(id);
        clock_.advance(1ms);
    }
    sender_.answer = [](const std::string& id, int) {
        return id == "poison" ? FakeSender::status(StatusCode::unavailable) : FakeSender::ok();
    };
    start();
    advance(2min);
    EXPECT_EQ(state_of("b"), RowState::delivered);
    EXPECT_EQ(state_of("c"), RowState::delivered);
}

// Content that the server refuses is tried three times, spaced, and becomes a dead letter.
TEST_F(CourierTest, makes_a_dead_letter_of_what_is_refused_three_times) {
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::invalid_argument, "no"); };
    start();
    finish("a");
    advance(30s);
    EXPECT_EQ(sender_.sent.size(), 1U);
    advance(2min);
    EXPECT_EQ(sender_.sent.size(), 2U);
    EXPECT_EQ(state_of("a"), RowState::done);
    advance(15min);
    EXPECT_EQ(sender_.sent.size(), 3U);
    EXPECT_EQ(state_of("a"), RowState::dead);
    EXPECT_EQ(courier_->figures().dead_letters, 1U);
    EXPECT_TRUE(given_up_.contains("a"));

    // By hand it gets another chance.
    sender_.answer = [](const std::string&, int) { return FakeSender::ok(); };
    EXPECT_TRUE(test::run_task(context_, outbox_->retry("a", Resend::as_it_is)));
    courier_->notify();
    test::settle(context_);
    EXPECT_EQ(state_of("a"), RowState::delivered);
}

// success=false is repeated for as long as MaxAgeHours, then kept as a dead letter.
TEST_F(CourierTest, keeps_trying_until_max_age) {
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::ok, "later"); };
    start();
    finish("a");
    leap(167h, 10min);
    EXPECT_EQ(state_of("a"), RowState::done);
    leap(2h, 10min);
    EXPECT_EQ(state_of("a"), RowState::dead);
    EXPECT_LT(sender_.sent.size(), 2500U);
}

// New settings count for what waits already: it is given up at the new age.
TEST_F(CourierTest, takes_new_settings_while_it_runs) {
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::ok, "later"); };
    start();
    finish("a");
    leap(3h, 10min);
    EXPECT_EQ(state_of("a"), RowState::done);

    outbox_settings_.max_age = 2h;
    courier_->update(grpc_, outbox_settings_);
    courier_->retry_now();
    leap(1h, 10min);
    EXPECT_EQ(state_of("a"), RowState::dead);
}

// Also in an outage, one probe at a time: old rows become dead letters, counted, each after its own attempts.
TEST_F(CourierTest, expires_what_waits_too_long_in_an_outage) {
    std::map<std::string, int> attempts;
    sender_.answer = [&](const std::string& id, int) {
        ++attempts[id];
        return FakeSender::status(StatusCode::unavailable);
    };
    start();
    for (int i = 0; i < 100; ++i) finish("id-" + std::to_string(i));
    leap(600h, 10min);
    EXPECT_EQ(outbox_->figures().pending, 0U);
    EXPECT_EQ(outbox_->figures().dead_letters, 100U);
    EXPECT_EQ(courier_->figures().dead_letters, 100U);
    EXPECT_EQ(given_up_.size(), 100U);
    for (const auto& [id, count] : attempts) EXPECT_GE(count, 4) << id;
}

// Nothing is given up because the clock says so: not when it is set ahead by a month, in an outage or outside of one.
TEST_F(CourierTest, gives_nothing_up_for_a_step_of_the_wall_clock) {
    for (const auto code : {StatusCode::unavailable, StatusCode::internal}) {
        const std::string id(to_string(code));
        bool is_well = false;
        sender_.answer = [&](const std::string&, int) { return is_well ? FakeSender::ok() : FakeSender::status(code); };
        if (!courier_) start();
        for (int i = 0; i < 6; ++i) finish(id + std::to_string(i));
        clock_.step_wall(30 * 24h);
        advance(2min);
        EXPECT_EQ(courier_->figures().dead_letters, 0U);
        is_well = true;
        courier_->retry_now();
        advance(1min);
        EXPECT_EQ(outbox_->figures().pending, 0U);
        clock_.step_wall(-60 * 24h);
    }
}

// Too big for the server, which says how much it takes: a short form of that size is sent, the whole stays until it is
// confirmed.
TEST_F(CourierTest, cuts_what_is_proven_too_big_to_the_limit_that_is_named) {
    Bytes whole;
    sender_.answer = [&](const std::string&, int) {
        const auto size = sender_.sent.back().bytes.size();
        if (size > 100'000) {
            return FakeSender::status(StatusCode::resource_exhausted,
                                      "Received message larger than max (" + std::to_string(size) + " vs. 100000)");
        }
        whole = test::run_task(context_, outbox_->show("a"))->whole;
        return FakeSender::ok();
    };
    start();
    finish("a", std::string(500'000, 'x'));
    ASSERT_EQ(sender_.sent.size(), 2U);
    EXPECT_LE(sender_.sent[1].bytes.size(), 100'000U);
    EXPECT_GT(sender_.sent[1].bytes.size(), 99'900U);
    EXPECT_NE(sender_.sent[1].bytes.find(" of 500,000 bytes left out: the server accepts at most 100000 bytes ...]"),
              std::string::npos);
    ASSERT_TRUE(whole);
    EXPECT_EQ(*whole, sender_.sent[0].bytes);
    EXPECT_EQ(state_of("a"), RowState::delivered);
    EXPECT_FALSE(test::run_task(context_, outbox_->show("a"))->whole);
}

// A proxy's 413 has no number: half by half, always from the whole text, and never in a hurry after the first.
TEST_F(CourierTest, cuts_half_by_half_for_a_proxy) {
    sender_.answer = [&](const std::string&, int) {
        return sender_.sent.back().bytes.size() > 300'000
                   ? FakeSender::status(StatusCode::unknown, "Received http2 header with status: 413")
                   : FakeSender::ok();
    };
    start();
    finish("a", std::string(2'000'000, 'x'));
    EXPECT_EQ(sender_.sent.size(), 2U);
    advance(1min);
    ASSERT_EQ(sender_.sent.size(), 4U);
    EXPECT_EQ(sender_.sent[1].bytes.size() / 1000, 1048U);
    EXPECT_EQ(sender_.sent[2].bytes.size() / 1000, 524U);
    EXPECT_EQ(sender_.sent[3].bytes.size() / 1000, 262U);
    EXPECT_NE(sender_.sent[3].bytes.find(" of 2,000,000 bytes left out"), std::string::npos);
    EXPECT_EQ(sender_.sent[3].bytes.find("left out"), sender_.sent[3].bytes.rfind("left out"));
    EXPECT_EQ(state_of("a"), RowState::delivered);
}

// A rate limit, or whatever else is exhausted, is no proof: the whole is sent, byte for byte, each time.
TEST_F(CourierTest, never_cuts_for_a_rate_limit) {
    SendResult local = FakeSender::status(StatusCode::resource_exhausted,
                                          "received initial metadata size exceeds limit (2000046 vs. 8192)");
    local.is_local = true;
    const SendResult answers[] = {
        FakeSender::status(StatusCode::resource_exhausted, "request rate of this tenant exceeds 100 per minute"),
        FakeSender::status(StatusCode::resource_exhausted, "quota used up, try later"), local};
    sender_.answer = [&](const std::string&, int attempt) {
        return attempt <= 3 ? answers[attempt - 1] : FakeSender::ok();
    };
    start();
    finish("a", std::string(2'000'000, 'x'));
    advance(1min);
    ASSERT_EQ(sender_.sent.size(), 4U);
    for (const auto& sent : sender_.sent) EXPECT_EQ(sent.bytes, sender_.sent[0].bytes);
    EXPECT_EQ(state_of("a"), RowState::delivered);
}

// A server that names a smaller limit each time, or one that leaves no room: no busy loop, no loss.
TEST_F(CourierTest, is_not_kept_busy_by_a_server_that_is_never_content) {
    sender_.answer = [&](const std::string& id, int) {
        const auto size = sender_.sent.back().bytes.size();
        const auto limit = id == "a" ? size - 1 : 10;
        return FakeSender::status(
            StatusCode::resource_exhausted,
            "Received message larger than max (" + std::to_string(size) + " vs. " + std::to_string(limit) + ")");
    };
    start();
    finish("a", std::string(500'000, 'x'));
    finish("b", std::string(500'000, 'x'));
    advance(1h);
    EXPECT_LT(sender_.sent.size(), 60U);
    EXPECT_EQ(outbox_->figures().pending, 2U);
}

// A burst larger than what may be held in memory goes through the outbox; all of it arrives, once.
TEST_F(CourierTest, carries_a_burst_larger_than_its_hands) {
    sender_.latency = 10ms;
    start();
    for (int i = 0; i < 1500; ++i) finish("id-" + std::to_string(i), std::string(20'000, 'x'));
    advance(30s);
    EXPECT_EQ(sender_.confirmed.size(), 1500U);
    EXPECT_EQ(sender_.sent.size(), 1500U);
}

// Shutting down: true once everything is delivered.
TEST_F(CourierTest, drains_before_the_deadline) {
    sender_.latency = 50ms;
    start();
    for (int i = 0; i < 20; ++i) finish("id-" + std::to_string(i));
    std::optional<bool> drained;
    asio::co_spawn(context_, courier_->drain(clock_.now() + 10s),
                   [&](const std::exception_ptr&, bool done) { drained = done; });
    advance(5s);
    EXPECT_EQ(drained, true);
    EXPECT_EQ(sender_.confirmed.size(), 20U);
}

// It waits for what happens, and does not look again and again.
TEST_F(CourierTest, drains_without_polling) {
    sender_.latency = 1h;
    start();
    finish("a");
    bool is_drained = false;
    asio::co_spawn(context_, courier_->drain(clock_.now() + 10h),
                   [&](const std::exception_ptr&, bool done) { is_drained = done; });
    test::settle(context_);
    EXPECT_GE(clock_.next_deadline() - clock_.now(), 100ms);  // the look at the call's memory
    leap(1h, 10s);
    EXPECT_TRUE(is_drained);
}

// The storage may hang: the deadline holds all the same.
TEST_F(CourierTest, drains_no_longer_than_the_deadline_when_the_storage_hangs) {
    auto& disk = use_full_outbox();
    leave_behind("a");
    outbox_->postponed({"a", 5, 1, outbox_->now() + 1h, "why"});
    start();
    disk.before_answering = [this]() -> Task<> { return clock_.sleep_for(1h); };
    std::optional<bool> is_drained;
    asio::co_spawn(context_, courier_->drain(clock_.now() + 5s),
                   [&](const std::exception_ptr&, bool done) { is_drained = done; });
    advance(6s);
    EXPECT_EQ(is_drained, false);
}

// With the server away, waiting is no use: drain says so and the results stay in the outbox.
TEST_F(CourierTest, does_not_wait_for_a_server_that_is_away) {
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::unauthenticated); };
    start();
    finish("a");
    EXPECT_FALSE(test::run_task(context_, courier_->drain(clock_.now() + 10s)));
    EXPECT_EQ(state_of("a"), RowState::done);
}

// Stopped in the middle of calls: it ends at once, and what was in flight is still in the outbox.
TEST_F(CourierTest, stops_in_the_middle_of_calls) {
    sender_.latency = 1h;
    start();
    finish("a");
    EXPECT_EQ(sender_.in_flight, 1);
    stop();
    EXPECT_EQ(sender_.in_flight, 0);
    EXPECT_EQ(outbox_->figures().pending, 1U);
}

// With the disk full a result is sent from memory, and marked as delivered like any other.
TEST_F(CourierTest, sends_what_could_not_be_stored) {
    auto& disk = use_full_outbox();
    start();
    disk.is_full = true;
    finish("a");
    EXPECT_THAT(sender_.ids(), ElementsAre("a"));
    EXPECT_EQ(sender_.confirmed.size(), 1U);
    EXPECT_EQ(courier_->figures().unsaved, 0U);
    EXPECT_EQ(courier_->figures().lost, 0U);
}

// What lies in the outbox is owed and goes before refusals that found no room in it, however many: else it stays full.
TEST_F(CourierTest, lets_the_outbox_go_before_what_it_had_no_room_for) {
    auto& disk = use_full_outbox();
    sender_.latency = 1s;
    start();
    finish("first");
    leave_behind("owed");
    courier_->notify();
    disk.is_full = true;
    for (int i = 0; i < 1023; ++i) finish("refused-" + std::to_string(i));
    advance(1500ms);
    ASSERT_GE(sender_.sent.size(), 2U);
    EXPECT_EQ(sender_.sent[1].id, "owed");
}

// More than is kept in memory finds no room anywhere: counted, and told in few lines.
TEST_F(CourierTest, tells_what_is_lost) {
    const test::LogCapture log;
    auto& disk = use_full_outbox();
    sender_.latency = 1h;
    start();
    disk.is_full = true;
    for (int i = 0; i < 1100; ++i) finish("refused-" + std::to_string(i));
    EXPECT_EQ(courier_->figures().lost, 76U);
    EXPECT_EQ(log.count("Results are lost"), 1U);
    advance(31s);
    EXPECT_EQ(log.count("Results are lost"), 2U);
    EXPECT_EQ(log.field("Results are lost", "count"), "75");
}

// Stopped while one of them is being stored: all of them are stored at the end.
TEST_F(CourierTest, loses_nothing_when_it_is_stopped_while_it_stores) {
    auto& disk = use_full_outbox();
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::unavailable); };
    start();
    disk.is_full = true;
    for (const char* id : {"a", "b", "c"}) finish(id);
    disk.is_full = false;
    disk.before_storing = [&]() -> Task<> {
        disk.before_storing = {};
        stop_.emit(asio::cancellation_type::terminal);
        co_return;
    };
    advance(3s);
    EXPECT_TRUE(has_ended_);
    EXPECT_EQ(courier_->figures().unsaved, 0U);
    EXPECT_EQ(outbox_->figures().pending, 3U);
}

// A call that ends with an answer although it was cancelled: what it carried is stored.
TEST_F(CourierTest, stores_what_was_answered_at_its_end) {
    auto& disk = use_full_outbox();
    sender_.latency = 1h;
    sender_.answers_when_cancelled = true;
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::unavailable); };
    start();
    disk.is_full = true;
    finish("a");
    disk.is_full = false;
    stop();
    EXPECT_EQ(courier_->figures().unsaved, 0U);
    EXPECT_EQ(outbox_->figures().pending, 1U);
}

// What is being stored late is still in hand: a stop waits for it.
TEST_F(CourierTest, waits_at_the_stop_for_what_is_being_stored) {
    auto& disk = use_full_outbox();
    grpc_.retry_delay = grpc_.max_retry_delay = 1h;
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::ok, "later"); };
    start();
    disk.is_full = true;
    finish("a");
    disk.is_full = false;
    disk.before_storing = [this]() -> Task<> { return clock_.sleep_for(1s); };
    advance(2500ms);
    std::optional<bool> is_empty;
    asio::co_spawn(context_, courier_->drain(clock_.now() + 100ms),
                   [&](const std::exception_ptr&, bool empty) { is_empty = empty; });
    test::settle(context_);
    EXPECT_FALSE(is_empty);
    advance(200ms);
    EXPECT_EQ(is_empty, false);
    disk.before_storing = {};
}

// With the disk full and the server away, the result is kept in memory and stored once there is room: the same bytes,
// once.
TEST_F(CourierTest, stores_later_what_could_not_be_stored) {
    auto& disk = use_full_outbox();
    bool is_away = true;
    sender_.answer = [&](const std::string&, int) {
        return is_away ? FakeSender::status(StatusCode::unavailable) : FakeSender::ok();
    };
    start();
    disk.is_full = true;
    for (const char* id : {"a", "b", "c"}) finish(id);
    advance(1min);
    EXPECT_EQ(courier_->figures().unsaved, 3U);
    EXPECT_EQ(outbox_->figures().pending, 0U);

    disk.is_full = false;
    advance(3s);
    EXPECT_EQ(courier_->figures().unsaved, 0U);
    EXPECT_EQ(outbox_->figures().pending, 3U);

    is_away = false;
    advance(2min);
    EXPECT_EQ(outbox_->figures().pending, 0U);
    EXPECT_EQ(sender_.confirmed.size(), 3U);
    for (const auto& [id, messages] : sender_.confirmed) EXPECT_EQ(messages.size(), 1U) << id;
    for (const auto& sent : sender_.sent) EXPECT_EQ(sent.bytes, *serialise(finished(sent.id)));
}

// Also one that waits minutes for its next attempt is stored at once, not at that attempt.
TEST_F(CourierTest, stores_what_waits_for_its_next_attempt) {
    auto& disk = use_full_outbox();
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::invalid_argument, "no"); };
    start();
    disk.is_full = true;
    finish("a");
    EXPECT_EQ(sender_.sent.size(), 1U);
    disk.is_full = false;
    advance(3s);
    EXPECT_EQ(sender_.sent.size(), 1U);
    EXPECT_EQ(courier_->figures().unsaved, 0U);
    EXPECT_EQ(state_of("a"), RowState::done);
}

// Stopped with results that are nowhere else: what the disk takes by then is stored, also one that is on its way.
TEST_F(CourierTest, stores_at_the_stop_what_could_not_be_stored) {
    auto& disk = use_full_outbox();
    sender_.latency = 1h;
    start();
    disk.is_full = true;
    for (const char* id : {"a", "b", "c"}) finish(id);
    EXPECT_EQ(sender_.in_flight, 1);
    disk.is_full = false;
    stop();
    EXPECT_EQ(courier_->figures().unsaved, 0U);
    EXPECT_EQ(outbox_->figures().pending, 3U);
}

// A stop waits for the disk as long as it may, though the server is away.
TEST_F(CourierTest, drains_into_the_outbox) {
    auto& disk = use_full_outbox();
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::unauthenticated); };
    start();
    disk.is_full = true;
    finish("a");
    EXPECT_EQ(courier_->figures().oldest_unsaved, outbox_->now());
    std::optional<bool> is_empty;
    asio::co_spawn(context_, courier_->drain(clock_.now() + 1min),
                   [&](const std::exception_ptr&, bool empty) { is_empty = empty; });
    advance(1s);
    EXPECT_FALSE(is_empty);
    disk.is_full = false;
    advance(3s);
    EXPECT_EQ(is_empty, false);
    EXPECT_EQ(outbox_->figures().pending, 1U);
    EXPECT_EQ(courier_->figures().unsaved, 0U);
}

// What an operator is about to change is not in the courier's hands; what is on its way cannot be changed.
TEST_F(CourierTest, lets_a_result_go_for_an_operator) {
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::ok, "later"); };
    start();
    finish("a");
    EXPECT_EQ(test::run_task(context_, outbox_->drop("a")).error().code, errc::wrong_state);
    courier_->let_go("a");
    EXPECT_TRUE(test::run_task(context_, outbox_->drop("a")));
    sender_.latency = 1h;
    finish("b");
    courier_->let_go("b");
    EXPECT_EQ(test::run_task(context_, outbox_->drop("b")).error().code, errc::wrong_state);
    advance(1min);
    EXPECT_THAT(sender_.ids(), ElementsAre("a", "b"));
}

// The tries of a content that is refused are spaced, whatever happens to the channel meanwhile.
TEST_F(CourierTest, does_not_hasten_what_is_refused) {
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::invalid_argument, "no"); };
    start();
    finish("a");
    for (int i = 0; i < 5; ++i) {
        courier_->retry_now();
        advance(1s);
    }
    EXPECT_EQ(sender_.sent.size(), 1U);
    advance(80s);
    EXPECT_EQ(sender_.sent.size(), 2U);
}

// Contents that are refused keep no other result waiting, however many.
TEST_F(CourierTest, goes_on_behind_what_is_refused) {
    sender_.answer = [](const std::string& id, int) {
        return id == "good" ? FakeSender::ok() : FakeSender::status(StatusCode::invalid_argument, "no");
    };
    start();
    for (int i = 0; i < 100; ++i) finish("bad-" + std::to_string(i));
    finish("good");
    EXPECT_EQ(courier_->figures().channel, ChannelState::open);
    EXPECT_EQ(state_of("good"), RowState::delivered);
}

// Attempts are counted over an outage.
TEST_F(CourierTest, remembers_its_attempts_in_an_outage) {
    bool is_away = true;
    sender_.answer = [&](const std::string&, int) {
        return is_away ? FakeSender::status(StatusCode::unavailable, "away") : FakeSender::ok();
    };
    start();
    finish("a");
    advance(30s);
    EXPECT_GE(test::run_task(context_, outbox_->show("a"))->summary.attempts, 3);
    is_away = false;
    advance(2min);
    int last = 0;
    for (const auto& sent : sender_.sent) {
        EXPECT_GE(sent.attempt, last);
        last = sent.attempt;
    }
}

// A commit that failed by its word but reached the disk is not tried for ever.
TEST_F(CourierTest, believes_the_outbox_that_has_the_outcome) {
    auto& disk = use_full_outbox();
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::unavailable); };
    start();
    disk.is_full = disk.stores_all_the_same = true;
    finish("a");
    EXPECT_EQ(courier_->figures().unsaved, 1U);
    disk.is_full = false;
    advance(3s);
    EXPECT_EQ(courier_->figures().unsaved, 0U);
    EXPECT_EQ(outbox_->figures().pending, 1U);
}

// Refused for good while the disk is full: nothing is called a dead letter that is not kept. It stays in memory and
// becomes one when there is room.
TEST_F(CourierTest, keeps_what_it_cannot_keep_as_a_dead_letter) {
    auto& disk = use_full_outbox();
    sender_.answer = [](const std::string&, int) { return FakeSender::status(StatusCode::invalid_argument, "no"); };
    start();
    (void)test::run_task(context_, outbox_->received(receipt("a"), FirstState::running));
    disk.is_full = true;
    finish("a");
    advance(20min);
    EXPECT_EQ(sender_.sent.size(), 3U);
    EXPECT_EQ(courier_->figures().dead_letters, 0U);
    EXPECT_EQ(courier_->figures().unsaved, 1U);
    EXPECT_EQ(state_of("a"), RowState::running);

    disk.is_full = false;
    advance(11min);
    EXPECT_EQ(state_of("a"), RowState::dead);
    EXPECT_EQ(courier_->figures().dead_letters, 1U);
    EXPECT_EQ(courier_->figures().unsaved, 0U);
}

// A command ends once: a second outcome for it is refused by the outbox and not sent.
TEST_F(CourierTest, ignores_a_second_outcome) {
    start();
    finish("a");
    EXPECT_EQ(state_of("a"), RowState::delivered);
    finish("a", "another text");
    EXPECT_EQ(sender_.sent.size(), 1U);
}

}  // namespace
}  // namespace jiro::delivery
