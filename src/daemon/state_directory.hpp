// SPDX-License-Identifier: MIT
#pragma once
// The folder of the outbox.

#include <filesystem>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/config/load.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::daemon {

using delivery::kInMemory;

// find_outbox_path() of config. Creates the folder, 0700, when it is missing; fails with what to do.
[[nodiscard]] Result<std::filesystem::path> prepare_outbox_path(const delivery::OutboxSettings& settings,
                                                                const Environment& environment);

}  // namespace jiro::daemon
