// SPDX-License-Identifier: MIT
#pragma once
// The exit codes of jiro-client. systemd's unit does not restart the daemon after `bad_configuration`.

namespace jiro::daemon::cli {

enum ExitCode : int {
    good = 0,
    failed = 1,
    usage = 2,
    bad_configuration = 78,  // EX_CONFIG of sysexits.h
};

}  // namespace jiro::daemon::cli
