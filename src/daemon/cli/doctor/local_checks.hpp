// SPDX-License-Identifier: MIT
#pragma once
// This machine: whether a daemon runs, the state directory with its outbox, and the clock.

#include <filesystem>

#include "daemon/cli/doctor/finding.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/config/config.hpp"

namespace jiro::daemon::cli {

// Asks Monitoring.Listen. True: a daemon runs and answers.
bool check_daemon(Findings& findings, const config::Config& config);

// The pure part: what the daemon's /status says, or why there is none.
bool explain_status(Findings& findings, const Result<std::string>& status, const config::Config& config);

// Whose files are named, the folder of `database` and, when no daemon has it, what is in it. Root becomes the folder's
// owner for the latter: call it last.
void check_state(Findings& findings, const config::Config& config, const std::filesystem::path& database,
                 const Environment& environment, bool daemon_runs);

// Nothing when the clock is after this program was written.
void check_clock(Findings& findings, WallTime now);

}  // namespace jiro::daemon::cli
