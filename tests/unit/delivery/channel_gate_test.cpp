// SPDX-License-Identifier: MIT
#include "delivery/channel_gate.hpp"

#include <gtest/gtest.h>

#include "support/fixed_random.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;

class ChannelGateTest : public testing::Test {
  protected:
    bool fail(ChannelHint hint = ChannelHint::away, bool is_first = true, Duration at_least = {}) {
        return gate_.failed(now_, now_, hint, is_first, "why", at_least);
    }
    void close() {
        while (gate_.state() == ChannelState::open) fail();
    }
    // The delay before the next probe, with the smallest jitter.
    Duration delay() const { return gate_.next_probe() - now_; }

    TimePoint now_{1h};
    test::FixedRandom random_{0};  // always the lower bound: half of the ceiling
    ChannelGate gate_{GateRules{1s, 60s, 1min, 15min, 64, 4, 8}, random_};
};

// A fresh or recovered channel is not flooded: 1, 2, 4, 8, ... in flight, up to the maximum.
TEST_F(ChannelGateTest, opens_its_window_by_doubling) {
    std::vector<std::size_t> windows;
    for (int i = 0; i < 200; ++i) {
        if (windows.empty() || windows.back() != gate_.window(now_)) windows.push_back(gate_.window(now_));
        EXPECT_FALSE(gate_.succeeded());
    }
    EXPECT_EQ(windows, (std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64}));
}

// A failure among successes only halves the window.
TEST_F(ChannelGateTest, stays_open_while_others_succeed) {
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(fail());
        gate_.succeeded();
    }
    EXPECT_EQ(gate_.state(), ChannelState::open);
}

// A content that is refused says nothing of the way: it closes nothing, and the next probe may go at once.
TEST_F(ChannelGateTest, is_not_closed_by_refused_contents) {
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(fail(ChannelHint::content));
    EXPECT_EQ(gate_.state(), ChannelState::open);
    close();
    EXPECT_EQ(gate_.window(now_), 0U);
    now_ = gate_.next_probe();
    EXPECT_FALSE(fail(ChannelHint::content));
    EXPECT_EQ(gate_.window(now_), 1U);
}

// Four failures in a row close it: then one probe at a time, ever more slowly, up to a minute.
TEST_F(ChannelGateTest, probes_more_and_more_slowly_while_the_server_is_away) {
    EXPECT_FALSE(fail());
    EXPECT_FALSE(fail());
    EXPECT_FALSE(fail());
    EXPECT_TRUE(fail());
    EXPECT_EQ(gate_.state(), ChannelState::probing);

    std::vector<Duration> delays;
    for (int i = 0; i < 9; ++i) {
        delays.push_back(delay());
        EXPECT_EQ(gate_.window(now_), 0U);
        now_ = gate_.next_probe();
        EXPECT_EQ(gate_.window(now_), 1U);
        EXPECT_FALSE(fail());
    }
    EXPECT_EQ(delays, (std::vector<Duration>{500ms, 1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}));
}

// The first success opens it again, with a window of one.
TEST_F(ChannelGateTest, opens_with_the_first_success) {
    close();
    now_ = gate_.next_probe();
    EXPECT_TRUE(gate_.succeeded());
    EXPECT_EQ(gate_.state(), ChannelState::open);
    EXPECT_EQ(gate_.window(now_), 1U);
    EXPECT_TRUE(gate_.reason().empty());
}

// Calls that began before the gate closed do not make the probes slower.
TEST_F(ChannelGateTest, ignores_the_stragglers_of_an_outage) {
    const TimePoint before = now_;
    now_ += 10s;
    close();
    const TimePoint probe = gate_.next_probe();
    for (int i = 0; i < 60; ++i) EXPECT_FALSE(gate_.failed(now_, before, ChannelHint::away, true, "why"));
    EXPECT_EQ(gate_.next_probe(), probe);
}

// One refusal parks it at once: probed every 1 to 15 minutes.
TEST_F(ChannelGateTest, parks_at_once_when_the_server_refuses_us) {
    EXPECT_TRUE(fail(ChannelHint::refuses));
    EXPECT_EQ(gate_.state(), ChannelState::parked);

    std::vector<Duration> delays;
    for (int i = 0; i < 6; ++i) {
        delays.push_back(delay());
        now_ = gate_.next_probe();
        EXPECT_FALSE(fail(ChannelHint::refuses));
    }
    EXPECT_EQ(delays, (std::vector<Duration>{30s, 1min, 2min, 4min, 450s, 450s}));
}

// What the last probe met is what the state says.
TEST_F(ChannelGateTest, changes_between_parked_and_probing) {
    fail(ChannelHint::refuses);
    EXPECT_TRUE(fail(ChannelHint::away));
    EXPECT_EQ(gate_.state(), ChannelState::probing);
    EXPECT_TRUE(fail(ChannelHint::refuses));
    EXPECT_EQ(gate_.state(), ChannelState::parked);
}

// A reload tries at once.
TEST_F(ChannelGateTest, retries_now_when_told) {
    fail(ChannelHint::refuses);
    EXPECT_EQ(gate_.window(now_), 0U);
    gate_.retry_now(now_);
    EXPECT_EQ(gate_.window(now_), 1U);
}

// One result that fails again and again is its own trouble; many different ones are the server's.
TEST_F(ChannelGateTest, tells_a_bad_result_from_a_bad_server) {
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(fail(ChannelHint::result, false));
    for (int i = 0; i < 7; ++i) EXPECT_FALSE(fail(ChannelHint::result, true));
    EXPECT_TRUE(fail(ChannelHint::result, true));
    EXPECT_EQ(gate_.state(), ChannelState::probing);
}

// The server may ask for more than we would wait.
TEST_F(ChannelGateTest, waits_as_long_as_the_server_asks) {
    close();
    fail(ChannelHint::away, true, 42s);
    EXPECT_EQ(delay(), 42s);
}

// But a probe is never put off by more than a refusal puts it off, however long the server wishes for.
TEST_F(ChannelGateTest, probes_within_15_minutes_whatever_the_server_asks) {
    close();
    for (const auto hint : {ChannelHint::away, ChannelHint::result, ChannelHint::refuses}) {
        for (const Duration asked : {Duration(16min), Duration(24h * 365), Duration::max()}) {
            fail(hint, true, asked);
            EXPECT_EQ(delay(), 15min);
        }
        fail(hint, true, Duration::min());
        EXPECT_LE(delay(), 15min);
        EXPECT_GT(delay(), 0s);
    }
}

}  // namespace
}  // namespace jiro::delivery
