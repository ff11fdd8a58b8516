// SPDX-License-Identifier: MIT
#include "jiro/base/backoff.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "support/fixed_random.hpp"

namespace jiro {
namespace {

using namespace std::chrono_literals;

// The bound doubles with each attempt up to the cap and never overflows.
TEST(Backoff, ceiling_doubles_up_to_the_cap) {
    struct Row {
        std::string_view name;
        BackoffSettings settings;
        int attempt;
        Duration ceiling;
    };
    const Row rows[] = {
        {"first", {1s, 60s, {}}, 1, 1s},
        {"fourth", {1s, 60s, {}}, 4, 8s},
        {"at the cap", {1s, 60s, {}}, 7, 60s},
        {"far beyond", {1s, 60s, {}}, std::numeric_limits<int>::max(), 60s},
        {"initial above the cap", {100s, 60s, {}}, 1, 60s},
        {"attempt zero is the first", {1s, 60s, {}}, 0, 1s},
        {"zero initial ends", {0s, 60s, {}}, 1000, 0s},
        {"largest cap", {1s, Duration::max(), {}}, 1000, Duration::max()},
        {"never below the floor", {1s, 60s, 5s}, 1, 5s},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(backoff_ceiling(row.settings, row.attempt), row.ceiling);
    }
}

// Full jitter: the whole range from the floor to the bound, and nothing outside.
TEST(Backoff, delay_is_within_floor_and_ceiling) {
    const BackoffSettings settings{1s, 8s, 500ms};
    test::FixedRandom lowest{0};
    EXPECT_EQ(backoff_delay(settings, 10, lowest), 500ms);
    SystemRandom random;
    Duration longest{};
    for (int i = 0; i < 1000; ++i) {
        const Duration delay = backoff_delay(settings, 10, random);
        EXPECT_GE(delay, 500ms);
        EXPECT_LE(delay, 8s);
        longest = std::max(longest, delay);
    }
    EXPECT_GT(longest, 7s);
}

}  // namespace
}  // namespace jiro
