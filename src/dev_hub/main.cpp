// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "dev_hub/cli.hpp"

int main(int argc, char** argv) try {
    CLI::App app("The development hub of jiro-client: a SignalR hub and its gRPC results service in one process.",
                 "jiro-dev-hub");
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::help);
    int exit_code = 0;
    jiro::dev_hub::add_serve_command(app, exit_code);
    jiro::dev_hub::add_client_commands(app, exit_code);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return exit_code;
} catch (const std::exception& failure) {
    std::cerr << "jiro-dev-hub: " << failure.what() << std::endl;
    return 1;
}
