// SPDX-License-Identifier: MIT
#pragma once
// OutboxClock: the outbox's own time, by which rows are stamped and measured. It looks like wall time and moves with
// the boot clock: within a boot the difference of two stamps is elapsed time, whatever is done to the wall clock
// meanwhile. The first start in a boot chooses where it stands (on the wall time of then), the database keeps that for
// the later ones. Rows of another boot are as old as the wall clock says: nothing better is known of them.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "jiro/base/clock.hpp"

namespace jiro::delivery {

// Names a boot in the database. 0: of a row from before boots were noted.
using BootTag = std::int64_t;

// One moment on both clocks.
struct Moment {
    WallTime here{};  // OutboxClock's
    WallTime wall{};
};

// A time of a row, on the OutboxClock of the boot that it was written in.
struct Stamp {
    WallTime at{};
    BootTag boot = 0;
};

// What to compare a stamp of that boot with.
[[nodiscard]] inline WallTime time_for(BootTag stamped_in, BootTag this_boot, const Moment& now) noexcept {
    return stamped_in == this_boot ? now.here : now.wall;
}

// Never negative: a stamp of the future shows a clock that was set back.
[[nodiscard]] Duration age_of(const Stamp& stamp, BootTag this_boot, const Moment& now) noexcept;

// What the previous boot left in the database.
struct PreviousBoot {
    std::chrono::milliseconds wall_set_by{};  // how far its wall clock was from its OutboxClock when last looked at
    std::optional<WallTime> latest;           // the latest stamp of its rows
};

// By how much the stamps of the previous boot are to be moved, now that only wall time connects them with `wall_now`.
// Either its wall clock was set while it ran; or it never was, and stood before this program was written: then its
// latest row counts as one of just now, so that nothing ages by half a century in one reboot.
[[nodiscard]] std::chrono::milliseconds correction_of(const PreviousBoot& previous, WallTime wall_now) noexcept;

class OutboxClock {
  public:
    explicit OutboxClock(const Clock& clock);

    [[nodiscard]] Moment now() const;  // on the event loop, as all of Clock
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
