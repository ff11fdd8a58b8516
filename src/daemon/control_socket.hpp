// SPDX-License-Identifier: MIT
#pragma once
// Where and how the running daemon takes orders: a Unix socket for root and the daemon's own user. The daemon serves it
// as control.sock in the folder that systemd gave it ($RUNTIME_DIRECTORY); a Unix socket in Monitoring.Listen takes the
// same orders. `jiro-client reload` and `outbox` find it without reading the configuration, which may be broken.

#include <string>
#include <vector>

#include "daemon/reload.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/monitor/settings.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// What the daemon listens on besides Monitoring.Listen; off when systemd gave no folder, or Monitoring.Listen is it.
[[nodiscard]] monitor::Settings control_settings(const Environment& environment, const monitor::Settings& monitoring);

// Where to ask, the likeliest first: $RUNTIME_DIRECTORY, the configured Unix socket when the configuration can be read,
// and what the packaged units use: /run/jiro-client/ for config.yaml, /run/jiro-client-NAME/ for /etc/jiro/NAME.yaml.
[[nodiscard]] std::vector<monitor::Listen> control_candidates(const std::string& config_file,
                                                              const Environment& environment);

// POST /reload: 200 with {"changed": [...], "wantRestart": [...]}, or 422 with {"errors": [...]}.
[[nodiscard]] monitor::Routes reload_route(Reloader& reloader);

}  // namespace jiro::daemon
