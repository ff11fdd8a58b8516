// SPDX-License-Identifier: MIT
#include "delivery/outbox_clock.hpp"

#include "delivery/crc32c.hpp"
#include "jiro/base/random.hpp"

namespace jiro::delivery {

namespace {

constexpr std::chrono::hours kLongestOff{24 * 365};

std::chrono::milliseconds wall_since_boot(const Clock& clock) {
    const Duration wall = clock.wall_now().time_since_epoch();
    return std::chrono::floor<std::chrono::milliseconds>(wall - clock.boot_now());
}

// A boot that is not known is this process's own.
BootTag tag_of(const std::string& boot_id) {
    if (boot_id.empty()) return static_cast<BootTag>(SystemRandom().next() >> 1U | 1U);
    const std::uint64_t first = crc32c(boot_id);
    const std::uint64_t second = crc32c(boot_id, crc32c("boot"));
    return static_cast<BootTag>((first << 32U | second) >> 1U | 1U);
}

}  // namespace

Correction correction_of(const PreviousBoot& previous, WallTime wall_now) noexcept {
    const auto set_by = previous.wall_set_by;
    if (!previous.latest) return {set_by, set_by};
    const auto to_now = std::chrono::floor<std::chrono::milliseconds>(wall_now - *previous.latest);
    const auto off = to_now - set_by;
    const bool was_set = *previous.latest + set_by >= kProgramWritten;
    if (!was_set || off < off.zero()) return {to_now, to_now};
    return {off > kLongestOff ? to_now : set_by, set_by};
}

OutboxClock::OutboxClock(const Clock& clock)
    : clock_(clock), boot_(tag_of(clock.boot_id())), since_boot_(wall_since_boot(clock).count()) {}

WallTime OutboxClock::here() const {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(clock_.boot_now() + since_boot()));
}

}  // namespace jiro::delivery
