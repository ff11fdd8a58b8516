// SPDX-License-Identifier: MIT
#pragma once
// The live view of a running daemon.

#include "jiro/monitor/settings.hpp"

namespace jiro::daemon::cli {

enum class WatchForm {
    people,    // a screen that is drawn anew; where standard output is no terminal, one view after the other
    machines,  // one line of JSON after the other
};

// Until SIGINT, SIGTERM or SIGHUP: then 0, and the terminal is as it was. 1 when nobody reads any more.
[[nodiscard]] int watch_status(const monitor::Listen& listen, WatchForm form);

}  // namespace jiro::daemon::cli
