// SPDX-License-Identifier: MIT
#pragma once
// BoundedDuration: a delay that somebody outside asks for (a Retry-After, a RetryInfo, a pushback), at most kMost and
// never negative. It is clamped where the number enters, before its unit is converted: nothing behind that can overflow
// or wait for a year, and nobody behind it needs a limit of its own for that.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "jiro/base/clock.hpp"

namespace jiro {

class BoundedDuration {
  public:
    static constexpr std::chrono::hours kMost{1};

    constexpr BoundedDuration() = default;

    template <typename Rep, typename Period>
    constexpr explicit BoundedDuration(std::chrono::duration<Rep, Period> asked) {
        using Asked = std::chrono::duration<Rep, Period>;
        constexpr auto kMostAsked = std::chrono::duration_cast<Asked>(kMost);
        static_assert(kMostAsked.count() > 0, "a unit of more than kMost would need another comparison");
        if (asked >= kMostAsked) {
            value_ = kMost;
        } else if (asked > Asked::zero()) {  // not for a NaN
            value_ = std::chrono::ceil<std::chrono::milliseconds>(asked);
        }
    }

    // A number of `Unit` in decimal digits; a fraction counts as one more. nullopt: it is no such number, or negative.
    template <typename Unit>
    [[nodiscard]] static std::optional<BoundedDuration> parse(std::string_view text) {
        const auto point = std::min(text.find('.'), text.size());
        const auto fraction = text.substr(std::min(point + 1, text.size()));
        if (fraction.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
        std::uint32_t whole = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + point, whole);
        if (error == std::errc::invalid_argument || end != text.data() + point) return std::nullopt;
        if (error == std::errc::result_out_of_range) return BoundedDuration(kMost);
        const bool has_rest = fraction.find_first_not_of('0') != std::string_view::npos;
        return BoundedDuration(Unit(std::int64_t{whole} + (has_rest ? 1 : 0)));
    }

    [[nodiscard]] constexpr Duration get() const noexcept { return value_; }
    constexpr operator Duration() const noexcept { return value_; }  // NOLINT(google-explicit-constructor)

    friend constexpr bool operator==(BoundedDuration, BoundedDuration) = default;
    friend constexpr bool operator==(BoundedDuration left, Duration right) { return left.get() == right; }
    friend constexpr auto operator<=>(BoundedDuration left, Duration right) { return left.get() <=> right; }

  private:
    std::chrono::milliseconds value_{};
};

}  // namespace jiro
