// SPDX-License-Identifier: MIT
#pragma once
// Where the daemon of a configuration file keeps its outbox, seen from a terminal: without the variables that systemd
// gives to its unit.

#include <filesystem>

#include "jiro/config/config.hpp"

namespace jiro::daemon::cli {

// Outbox.Path; else what the packaged unit uses for a file in /etc/jiro; else the default of state_directory.hpp. Makes
// no folder. Empty when there is no default.
[[nodiscard]] std::filesystem::path outbox_location(const config::Config& config);

}  // namespace jiro::daemon::cli
