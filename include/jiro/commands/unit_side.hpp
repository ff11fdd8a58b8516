// SPDX-License-Identifier: MIT
#pragma once
// The unit's side of a command with Commands.RunAs: unit. systemd starts `jiro-client run-command` for each connection
// to jiro-command.socket; it starts the one program that it is asked for, as its child, and ends with the connection.
// Then systemd ends what is left in the unit's control group. A process of its own, on its event loop.
//
// It need not believe the daemon: where root's own definition of a command is at hand, the program, its arguments,
// environment, folder and limits are made from that and from the values that the daemon sent, which are checked once
// more. So a daemon that was taken over can only ask for what root defined.

#include <functional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

// A command of which there is no definition: refused by its name, or run as the daemon says.
enum class Undefined { refuse, run };

struct UnitPolicy {
    // The definition of a command; errc::not_defined: there is none; another error: there is one, and it cannot be
    // used. Empty: there are no definitions.
    std::function<Result<ExecCommand>(const std::string& name)> definition_of;
    Undefined undefined = Undefined::run;
};

// Returns when the connection has ended; errc::bad_request when what came is no request.
[[nodiscard]] Task<Result<>> serve_command(FileDescriptor connection, Clock& clock, UnitPolicy policy = {});

}  // namespace jiro::commands
