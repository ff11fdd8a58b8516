// SPDX-License-Identifier: MIT
#pragma once
// Where the daemon of a configuration file keeps its outbox, seen from a terminal: without the variables that systemd
// gives to its unit.

#include <filesystem>

#include "jiro/base/error.hpp"
#include "jiro/config/config.hpp"

namespace jiro::daemon::cli {

// Outbox.Path; else what the packaged unit uses for a file in /etc/jiro; else the default of state_directory.hpp. Makes
// no folder. Empty when there is no default.
[[nodiscard]] std::filesystem::path outbox_location(const config::Config& config);

// Files that root makes beside the database would shut the daemon out: for root, become the folder's owner, for good.
[[nodiscard]] Result<> become_owner_of(const std::filesystem::path& folder);

}  // namespace jiro::daemon::cli
