// SPDX-License-Identifier: MIT
#pragma once
// A Clock that stands still until the test moves it. Single-threaded: sleeps and `advance` happen on one io_context.

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <string>

#include "jiro/base/clock.hpp"

namespace jiro::test {

class ManualClock final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override { return now_; }
    [[nodiscard]] WallTime wall_now() const override { return wall_now_; }
    [[nodiscard]] Duration boot_now() const override { return boot_now_; }
    [[nodiscard]] std::string boot_id() const override { return boot_id_; }
    [[nodiscard]] Task<> sleep_until(TimePoint deadline) override;

    // Moves all clocks on and wakes the sleeps that are due; they resume when the io_context runs next.
    void advance(Duration duration);
    // Somebody sets the wall clock.
    void set_wall(WallTime time) { wall_now_ = time; }
    void step_wall(Duration by) { wall_now_ += std::chrono::duration_cast<WallTime::duration>(by); }
    // The machine is started anew; now(), by which a test's sleeps are measured, goes on.
    void reboot(std::string id) {
        boot_id_ = std::move(id);
        boot_now_ = std::chrono::seconds(20);
    }

    [[nodiscard]] std::size_t sleepers() const noexcept { return sleepers_.size(); }
    // The earliest deadline anyone sleeps for; TimePoint::max() when nobody does.
    [[nodiscard]] TimePoint next_deadline() const;

  private:
    struct Sleeper {
        TimePoint deadline;
        boost::asio::steady_timer* timer;
    };

    TimePoint now_{std::chrono::hours(1)};
    WallTime wall_now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)};
    Duration boot_now_ = std::chrono::hours(2);
    std::string boot_id_ = "first boot";
    std::list<Sleeper> sleepers_;
};

}  // namespace jiro::test
