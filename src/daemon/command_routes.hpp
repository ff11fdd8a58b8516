// SPDX-License-Identifier: MIT
#pragma once
// What an operator sees of running commands and does to them, as routes of the Unix sockets: GET /running, GET /output,
// POST /cancel; their arguments in the query, their answers JSON. For `jiro-client running`, `output` and `cancel`, and
// for the status page. Event loop only.

#include "daemon/pause.hpp"
#include "jiro/commands/running_commands.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// They refer to `commands` and `pause`, which must outlive them.
[[nodiscard]] monitor::Routes command_routes(commands::RunningCommands& commands, const Pause& pause);

}  // namespace jiro::daemon
