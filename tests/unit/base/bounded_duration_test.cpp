// SPDX-License-Identifier: MIT
#include "jiro/base/bounded_duration.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace jiro {
namespace {

using namespace std::chrono_literals;

// Whatever is asked for, in whatever unit: between nothing and an hour, and no unit overflows on the way.
TEST(BoundedDuration, is_between_nothing_and_an_hour) {
    EXPECT_EQ(BoundedDuration(), 0s);
    EXPECT_EQ(BoundedDuration(42s), 42s);
    EXPECT_EQ(BoundedDuration(59min), 59min);
    EXPECT_EQ(BoundedDuration(1h), 1h);
    EXPECT_EQ(BoundedDuration(3'600'001ms), 1h);
    EXPECT_EQ(BoundedDuration(24h * 365), 1h);
    EXPECT_EQ(BoundedDuration(std::chrono::seconds::max()), 1h);
    EXPECT_EQ(BoundedDuration(std::chrono::milliseconds::max()), 1h);
    EXPECT_EQ(BoundedDuration(std::chrono::nanoseconds::max()), 1h);
    EXPECT_EQ(BoundedDuration(-1s), 0s);
    EXPECT_EQ(BoundedDuration(std::chrono::seconds::min()), 0s);
    EXPECT_EQ(BoundedDuration(std::chrono::milliseconds::min()), 0s);
}

// A delay that is asked for is not shortened by rounding; what is no number is none.
TEST(BoundedDuration, takes_fractions_and_what_is_no_number) {
    using Seconds = std::chrono::duration<double>;
    EXPECT_EQ(BoundedDuration(Seconds(1.5)), 1500ms);
    EXPECT_EQ(BoundedDuration(1ns), 1ms);
    EXPECT_EQ(BoundedDuration(Seconds(std::nan(""))), 0s);
    EXPECT_EQ(BoundedDuration(Seconds(std::numeric_limits<double>::infinity())), 1h);
    EXPECT_EQ(BoundedDuration(Seconds(-std::numeric_limits<double>::infinity())), 0s);
}

// The text of a header: digits, as many as there may be, and nothing else.
TEST(BoundedDuration, is_parsed_from_digits_only) {
    const auto seconds = [](std::string_view text) { return BoundedDuration::parse<std::chrono::seconds>(text); };
    EXPECT_EQ(seconds("0"), BoundedDuration(0s));
    EXPECT_EQ(seconds("120"), BoundedDuration(2min));
    EXPECT_EQ(seconds("00007"), BoundedDuration(7s));
    EXPECT_EQ(seconds("3600"), BoundedDuration(1h));
    EXPECT_EQ(seconds("31536000"), BoundedDuration(1h));
    EXPECT_EQ(seconds("9223372036854775807"), BoundedDuration(1h));
    EXPECT_EQ(seconds("99999999999999999999999999999999"), BoundedDuration(1h));
    EXPECT_EQ(seconds("1.5"), BoundedDuration(2s));
    EXPECT_EQ(seconds("0.0001"), BoundedDuration(1s));
    EXPECT_EQ(seconds("2.000"), BoundedDuration(2s));
    EXPECT_EQ(seconds("3.99999999999999999999999999"), BoundedDuration(4s));
    for (const char* text : {"", ".", ".5", "-1", "+1", "-0", " 1", "1 ", "1e9", "0x10", "NaN", "nan", "inf", "soon",
                             "1.5.5", "1,5", "10s", "-9223372036854775808", "\xd9\xa1"}) {
        EXPECT_EQ(seconds(text), std::nullopt) << text;
    }
    EXPECT_EQ(BoundedDuration::parse<std::chrono::milliseconds>("1500"), BoundedDuration(1500ms));
    EXPECT_EQ(BoundedDuration::parse<std::chrono::milliseconds>("315360000000"), BoundedDuration(1h));
    EXPECT_EQ(BoundedDuration::parse<std::chrono::milliseconds>("9223372036854775807"), BoundedDuration(1h));
}

}  // namespace
}  // namespace jiro
