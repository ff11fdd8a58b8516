// SPDX-License-Identifier: MIT
#pragma once
// What the daemon adds to the archive that its command `bundle` makes.

#include <filesystem>
#include <string>

#include "jiro/base/task.hpp"
#include "jiro/monitor/status.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// Where the archive lies: one of them, beside the outbox.
[[nodiscard]] std::string bundle_file(const std::filesystem::path& outbox_file);

// A JSON object of texts, by the names that they have in the archive. `routes`: those of the control socket.
[[nodiscard]] Task<std::string> bundle_facts(monitor::Status status, monitor::Routes routes);

}  // namespace jiro::daemon
