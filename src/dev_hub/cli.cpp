// SPDX-License-Identifier: MIT
#include "dev_hub/cli.hpp"

#include <CLI/CLI.hpp>

namespace jiro::dev_hub {

int run_cli(int argc, const char* const* argv) {
    CLI::App app("The development hub of jiro-client: a SignalR hub and its gRPC results service in one process.",
                 "jiro-dev-hub");
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::help);
    ServeFlags flags;
    int exit_code = 0;
    add_serve_command(app, flags, exit_code);
    add_client_commands(app, exit_code);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return exit_code;
}

}  // namespace jiro::dev_hub
