// SPDX-License-Identifier: MIT
#pragma once
// The command line of jiro-dev-hub: `serve`, and the commands that talk to a running server over its control socket.
// Exit codes: 0 good, 1 failed, 2 usage.

#include <filesystem>
#include <string>

#include "dev_hub/options.hpp"

namespace CLI {
class App;
}

namespace jiro::dev_hub {

struct ServeFlags {
    Options options;
    std::filesystem::path port_file;
    bool quiet = false;
};

// Runs the server until a signal.
[[nodiscard]] int serve(const ServeFlags& flags);
// What --port-file holds: {"hubUrl":..., "grpcUrl":..., "control":...}; written to a temporary file and renamed.
[[nodiscard]] Result<> write_port_file(const std::filesystem::path& file, const std::string& hub_url,
                                       const std::string& grpc_url, const std::filesystem::path& control);

// Each adds its subcommand(s) to `app`; the chosen one's callback stores into `exit_code`. `flags` outlives the parse.
void add_serve_command(CLI::App& app, ServeFlags& flags, int& exit_code);
void add_client_commands(CLI::App& app, int& exit_code);

[[nodiscard]] int run_cli(int argc, const char* const* argv);

}  // namespace jiro::dev_hub
