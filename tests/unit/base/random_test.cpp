// SPDX-License-Identifier: MIT
#include "jiro/base/random.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <regex>
#include <set>

#include "support/fixed_random.hpp"

namespace jiro {
namespace {

using namespace std::chrono_literals;

// Both ends belong to the range; an empty range is its lower end.
TEST(Random, between_includes_both_ends) {
    test::FixedRandom lowest{0};
    EXPECT_EQ(lowest.between(1ns, 4ns), 1ns);
    test::FixedRandom highest{3};
    EXPECT_EQ(highest.between(1ns, 4ns), 4ns);
    EXPECT_EQ(highest.between(5s, 1s), 5s);
    test::FixedRandom all{std::numeric_limits<std::uint64_t>::max()};
    EXPECT_EQ(all.between(0ns, Duration::max()), Duration(std::numeric_limits<std::int64_t>::max()));
}

// Identifiers are version 4 UUIDs and do not repeat.
TEST(Random, uuid_is_version_4_and_unique) {
    SystemRandom random;
    const std::regex shape("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string uuid = random.uuid();
        EXPECT_TRUE(std::regex_match(uuid, shape)) << uuid;
        EXPECT_TRUE(seen.insert(uuid).second);
    }
}

// Two generators, as on two machines that boot together, differ.
TEST(Random, generators_are_seeded_apart) { EXPECT_NE(SystemRandom().next(), SystemRandom().next()); }

}  // namespace
}  // namespace jiro
