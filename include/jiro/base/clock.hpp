// SPDX-License-Identifier: MIT
#pragma once
// Time as a dependency. Whatever measures an interval, waits or stamps a record takes a Clock&; the daemon passes
// SystemClock, tests pass support/ManualClock and advance it by hand. Monotonic time (`now`) is for intervals in a
// process, boot time (`boot_now`) for those that outlive it, wall time (`wall_now`), which may be set at any moment,
// for people.

#include <chrono>
#include <string>

#include "jiro/base/task.hpp"

namespace jiro {

using Duration = std::chrono::steady_clock::duration;
using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// A wall clock before this moment was never set: this program was not written then.
inline constexpr WallTime kProgramWritten = std::chrono::sys_days(std::chrono::year(2025) / 1 / 1);

// For figures, as people and programs read them.
template <typename Rep, typename Period>
[[nodiscard]] constexpr double in_seconds(std::chrono::duration<Rep, Period> duration) {
    return std::chrono::duration<double>(duration).count();
}

// "1500 ms", for messages.
[[nodiscard]] std::string milliseconds_text(Duration duration);

class Clock {
  public:
    virtual ~Clock() = default;

    [[nodiscard]] virtual TimePoint now() const = 0;
    [[nodiscard]] virtual WallTime wall_now() const = 0;
    // Since the machine was started, its sleep included; setting the wall clock does not touch it. boot_id() names the
    // start that it counts from; empty: not known.
    [[nodiscard]] virtual Duration boot_now() const = 0;
    [[nodiscard]] virtual std::string boot_id() const = 0;

    // Returns when now() >= deadline. Cancellable: then it throws system_error(operation_aborted), as Asio's timers do.
    // Runs on, and resumes, the caller's executor.
    [[nodiscard]] virtual Task<> sleep_until(TimePoint deadline) = 0;

    [[nodiscard]] Task<> sleep_for(Duration duration) { return sleep_until(now() + duration); }
};

class SystemClock final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }
    [[nodiscard]] WallTime wall_now() const override { return std::chrono::system_clock::now(); }
    [[nodiscard]] Duration boot_now() const override;
    [[nodiscard]] std::string boot_id() const override;
    [[nodiscard]] Task<> sleep_until(TimePoint deadline) override;
};

}  // namespace jiro
