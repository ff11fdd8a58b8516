// SPDX-License-Identifier: MIT
#include <iostream>

#include "daemon/application.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/container_init.hpp"
#include "daemon/events.hpp"
#include "daemon/log.hpp"
#include "daemon/process_hardening.hpp"

namespace jiro::daemon::cli {

namespace {

int run_application(config::Config config, Environment environment) {
    auto application = Application::make(std::move(config), std::move(environment));
    if (!application) {
        daemon_log.with_event(event::kCannotStart).error("Cannot start", {{"reason", application.error().message}});
        return ExitCode::failed;
    }
    try {
        (*application)->run();
        return ExitCode::good;
    } catch (const std::exception& error) {
        daemon_log.error("Stopped by an error that should not happen; please report it", {{"reason", error.what()}});
        return ExitCode::failed;
    }
}

}  // namespace

int run(const std::string& config_file) {
    if (const auto code = serve_as_init()) return *code;
    harden_process();
    auto environment = process_environment();
    auto config = load_config(config_file, environment);
    log::configure(config.logging);
    const int exit_code = run_application(std::move(config), std::move(environment));
    log::shutdown();
    return exit_code;
}

}  // namespace jiro::daemon::cli
