// SPDX-License-Identifier: MIT
#pragma once
// The unit's side of a command with Commands.RunAs: unit. systemd starts `jiro-client run-command` for each connection
// to jiro-command.socket; it starts the one program that it is asked for, as its child, and ends with the connection.
// Then systemd ends what is left in the unit's control group. A process of its own, on its event loop.

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/file_descriptor.hpp"

namespace jiro::commands {

// Returns when the connection has ended; errc::bad_request when what came is no request.
[[nodiscard]] Task<Result<>> serve_command(FileDescriptor connection, Clock& clock);

}  // namespace jiro::commands
