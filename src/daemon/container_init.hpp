// SPDX-License-Identifier: MIT
#pragma once
// As process 1 of a container. What becomes of the processes there whose parents have gone is then this process's to
// say: they are reaped, and nothing else is done to them. So the daemon runs one step below, where only what it started
// comes back to it. Called by `run`, before there are threads.

#include <optional>

namespace jiro::daemon {

// In process 1: starts the daemon's process, passes signals on to it, reaps, and returns the daemon's exit code when it
// has ended (128 and the signal's number when a signal ended it). Nothing: this is the daemon's process.
[[nodiscard]] std::optional<int> serve_as_init();

}  // namespace jiro::daemon
