// SPDX-License-Identifier: MIT
#pragma once
// Where the outbox lies when Outbox.Path does not say.

#include <filesystem>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/config/load.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::daemon {

using delivery::kInMemory;

// The path as prepare_outbox_path gives it; empty when there is none. Makes nothing.
[[nodiscard]] std::filesystem::path find_outbox_path(const delivery::OutboxSettings& settings,
                                                     const Environment& environment);

// The configured path, or outbox.db in: ${STATE_DIRECTORY} (systemd), /var/lib/jiro for root, else
// ${XDG_STATE_HOME:-~/.local/state}/jiro. Creates the folder, 0700, when it is missing; fails with what to do.
[[nodiscard]] Result<std::filesystem::path> prepare_outbox_path(const delivery::OutboxSettings& settings,
                                                                const Environment& environment);

}  // namespace jiro::daemon
