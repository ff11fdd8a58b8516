// SPDX-License-Identifier: MIT
#pragma once
// This machine: whether a daemon runs, the state directory with its outbox, and the clock.

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/cli/doctor/finding.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/config/config.hpp"

namespace jiro::daemon::cli {

struct DaemonFindings {
    std::vector<Finding> findings;
    bool is_running = false;  // and answers
};

// Asks Monitoring.Listen.
[[nodiscard]] DaemonFindings check_daemon(const config::Config& config);
// The pure part: what the daemon's /status says, or why there is none.
[[nodiscard]] DaemonFindings explain_status(const Result<std::string>& status, const config::Config& config);

// The folder of `database` and, when no daemon has it, what is in it. Root becomes the folder's owner for the latter:
// call it last.
[[nodiscard]] std::vector<Finding> check_state(const config::Config& config, const std::filesystem::path& database,
                                               const DaemonFindings& daemon);

// Nothing when the clock is after this program was written.
[[nodiscard]] std::vector<Finding> check_clock(WallTime now);

}  // namespace jiro::daemon::cli
