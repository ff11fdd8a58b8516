// SPDX-License-Identifier: MIT
#include <iostream>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/render.hpp"

namespace jiro::daemon::cli {

int commands(const std::string& config_file, Form form) {
    const auto config = load_config(config_file, process_environment());
    const auto registry = make_registry_here(config);
    std::cout << (form == Form::json ? jiro::commands::render_listing_json(*registry)
                                     : jiro::commands::render_listing(*registry));
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
