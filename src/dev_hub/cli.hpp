// SPDX-License-Identifier: MIT
#pragma once
// The command line of jiro-dev-hub: `serve`, and the commands that talk to a running server over its control socket.
// Each function adds its subcommand(s) to `app`; the chosen one's callback stores the exit code: 0 good, 1 failed, 2
// usage.

namespace CLI {
class App;
}

namespace jiro::dev_hub {

void add_serve_command(CLI::App& app, int& exit_code);
void add_client_commands(CLI::App& app, int& exit_code);

}  // namespace jiro::dev_hub
