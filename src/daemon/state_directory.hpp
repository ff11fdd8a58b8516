// SPDX-License-Identifier: MIT
#pragma once
// The folder of the outbox, and whose files lie where this program would have its own.

#include <filesystem>
#include <vector>

#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/config/config.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::daemon {

using delivery::kInMemory;

// find_outbox_path() of config. Creates the folder, 0700, when it is missing; fails with what to do.
[[nodiscard]] Result<std::filesystem::path> prepare_outbox_path(const delivery::OutboxSettings& settings,
                                                                const Environment& environment);

// Other programs' files where this one would write its own, in the words of its start. Nothing is touched. `outbox`:
// where it is, in memory or in a file. `in_use`: files that this process has open are left alone, since closing one
// again drops SQLite's locks on it (fcntl(2)).
[[nodiscard]] std::vector<Error> foreign_files(const config::Config& config, const std::filesystem::path& outbox,
                                               const Environment& environment,
                                               const std::vector<std::filesystem::path>& in_use = {});

}  // namespace jiro::daemon
