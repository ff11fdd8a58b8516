// SPDX-License-Identifier: MIT
#include "delivery/outbox_clock.hpp"

#include <algorithm>

#include "delivery/crc32c.hpp"
#include "jiro/base/random.hpp"

namespace jiro::delivery {

namespace {

// A wall clock before this moment was never set.
constexpr WallTime kProgramWritten = std::chrono::sys_days(std::chrono::year(2025) / 1 / 1);

std::chrono::milliseconds wall_since_boot(const Clock& clock) {
    const Duration wall = clock.wall_now().time_since_epoch();
    return std::chrono::floor<std::chrono::milliseconds>(wall - clock.boot_now());
}

// A boot that is not known is this process's own: rows of other processes are measured by wall time then.
BootTag tag_of(const std::string& boot_id) {
    if (boot_id.empty()) return static_cast<BootTag>(SystemRandom().next() >> 1U | 1U);
    const std::uint64_t first = crc32c(boot_id);
    const std::uint64_t second = crc32c(boot_id, crc32c("boot"));
    return static_cast<BootTag>((first << 32U | second) >> 1U | 1U);
}

}  // namespace

Duration age_of(const Stamp& stamp, BootTag this_boot, const Moment& now) noexcept {
    return std::max<Duration>(Duration::zero(), time_for(stamp.boot, this_boot, now) - stamp.at);
}

std::chrono::milliseconds correction_of(const PreviousBoot& previous, WallTime wall_now) noexcept {
    if (!previous.latest || *previous.latest + previous.wall_set_by >= kProgramWritten) return previous.wall_set_by;
    return std::chrono::floor<std::chrono::milliseconds>(wall_now - *previous.latest);
}

OutboxClock::OutboxClock(const Clock& clock)
    : clock_(clock), boot_(tag_of(clock.boot_id())), since_boot_(wall_since_boot(clock).count()) {}

Moment OutboxClock::now() const {
    const Duration here = clock_.boot_now() + since_boot();
    return {WallTime(std::chrono::duration_cast<WallTime::duration>(here)), clock_.wall_now()};
}

}  // namespace jiro::delivery
