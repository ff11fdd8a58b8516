// SPDX-License-Identifier: MIT
#pragma once
// OutboxClock: the outbox's own time, by which rows are stamped and measured. It looks like wall time and moves with
// the boot clock: the difference of two stamps is elapsed time, whatever is done to the wall clock meanwhile. The first
// start in a boot chooses where it stands (on the wall time of then), and puts the rows that earlier boots left on it;
// the database keeps where it stands for the later starts.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "jiro/base/clock.hpp"

namespace jiro::delivery {

// A stamp as it is stored: milliseconds since 1970.
[[nodiscard]] inline std::int64_t to_stored(WallTime time) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// A damaged value must not overflow the clock's nanoseconds.
[[nodiscard]] inline WallTime from_stored(std::int64_t stored) noexcept {
    constexpr std::int64_t kLatest = 9'000'000'000'000;  // the year 2255
    return WallTime(std::chrono::milliseconds(std::clamp<std::int64_t>(stored, 0, kLatest)));
}

// Names a boot in the database. 0: of a row from before boots were noted.
using BootTag = std::int64_t;

// One moment on both clocks.
struct Moment {
    WallTime here{};  // OutboxClock's
    WallTime wall{};
};

// Of a stamp of a row. Never negative: a stamp of the future shows a clock that was set back between two boots.
[[nodiscard]] inline Duration age_of(WallTime stamp, const Moment& now) noexcept {
    return std::max<Duration>(Duration::zero(), now.here - stamp);
}

// What the previous boot left in the database.
struct PreviousBoot {
    std::chrono::milliseconds wall_set_by{};  // how far its wall clock was from its OutboxClock when last looked at
    std::optional<WallTime> latest;           // the latest stamp of its rows
};

struct Correction {
    std::chrono::milliseconds rows{};
    std::chrono::milliseconds waiting{};  // of when a command came that waits
};

// By how much the stamps of the previous boot are to be moved, now that only wall time connects them with `wall_now`:
// by how far its wall clock was set while it ran. If it never was, and stood before this program was written, or if
// less than nothing or more than a year seems to be between the two boots, nothing is known: the latest row counts as
// one of just now, so that nothing is forgotten or given up for half a century of one reboot. A command that waits is
// not begun after a year, whatever that year was.
[[nodiscard]] Correction correction_of(const PreviousBoot& previous, WallTime wall_now) noexcept;

class OutboxClock {
  public:
    explicit OutboxClock(const Clock& clock);

    // On the event loop, as all of Clock.
    [[nodiscard]] WallTime here() const;
    [[nodiscard]] Moment now() const { return {here(), clock_.wall_now()}; }
    [[nodiscard]] BootTag boot() const noexcept { return boot_; }
    // How far it is from the boot clock; adopt() is called by whoever opens the database.
    [[nodiscard]] std::chrono::milliseconds since_boot() const noexcept {
        return std::chrono::milliseconds(since_boot_.load());
    }
    void adopt(std::chrono::milliseconds since_boot) noexcept { since_boot_ = since_boot.count(); }

  private:
    const Clock& clock_;
    const BootTag boot_;
    std::atomic<std::int64_t> since_boot_;
};

}  // namespace jiro::delivery
