// SPDX-License-Identifier: MIT
#pragma once
// Keeps commands from starting: by an operator's order (`jiro-client pause`, until `resume` or for a time), which is
// kept in a file beside the outbox, so that it outlives restarts and reboots; and while another program holds the file
// `hold`
// (`flock /run/jiro-client/hold COMMAND`). What runs goes on, what arrives waits or is refused, control commands run.
//
// Time is elapsed time within a boot, and wall time across boots. Event loop only; the order's file is written on a
// thread of its own, and the hold lies on tmpfs: nothing here waits for a disk. Errors: of storing an order.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/commands/start_gate.hpp"
#include "jiro/monitor/status.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

enum class WhatArrives { waits, is_refused };

struct PauseOrder {
    WallTime since{};
    std::optional<WallTime> until;  // by the wall clock, for the next boot; none: until `resume`
    std::string note;
    WhatArrives what_arrives = WhatArrives::waits;
    // Within this boot the end is measured by its clock.
    std::string boot_id;
    std::optional<Duration> until_boot;
};

// One JSON object, and back. Pure. A text that is no order is an error.
[[nodiscard]] std::string to_json(const PauseOrder& order);
[[nodiscard]] Result<PauseOrder> read_pause_order(std::string_view text);

class Pause final : public commands::StartGate {
  public:
    struct Files {
        std::filesystem::path order;  // empty: an order ends with the process
        std::filesystem::path hold;   // empty: there is no such file
    };

    static constexpr std::chrono::seconds kLongest{366 * 24 * 3600};
    static constexpr std::size_t kMaxNoteBytes = 500;

    // Reads the order that an earlier process left, and makes the hold: blocks, so before the event loop runs. A file
    // that cannot be read keeps commands from starting, and says so: what they would do cannot be undone.
    // `changed` is called when commands may start no more, perhaps again, and when they may again.
    Pause(const Executor& executor, Clock& clock, Files files, std::function<void()> changed);

    [[nodiscard]] std::optional<commands::GateClosed> closed() override;

    // An order in place of the one before. It is in force at once, whether or not it could be stored.
    [[nodiscard]] Task<Result<>> pause(std::optional<std::chrono::seconds> time, std::string note, WhatArrives what);
    // False: there was no order. The hold stays in force.
    [[nodiscard]] Task<Result<bool>> resume();

    // Sees orders and holds end; until cancelled.
    [[nodiscard]] Task<> run();

    [[nodiscard]] bool has_order() const noexcept { return order_.has_value(); }
    [[nodiscard]] std::optional<monitor::PauseStatus> status() const;

  private:
    [[nodiscard]] std::optional<commands::GateClosed> why_closed() const;
    [[nodiscard]] bool is_held() const;
    void open_hold();
    [[nodiscard]] std::optional<Duration> time_left() const;
    void adopt_order();
    [[nodiscard]] bool follow_wall_clock();
    void end_order(const char* why);
    [[nodiscard]] Task<Result<>> store(std::string text);  // empty: removes the file

    Clock& clock_;
    const Files files_;
    std::function<void()> changed_;
    std::optional<PauseOrder> order_;
    FileDescriptor hold_;
    bool was_closed_ = false;  // and was not seen open since
    Event ordered_;
};

// POST /pause?seconds=N&note=TEXT&refuse=yes, POST /resume. For operators.
[[nodiscard]] monitor::Routes pause_routes(Pause& pause);

}  // namespace jiro::daemon
