// SPDX-License-Identifier: MIT
#pragma once
// The first step of every subcommand that needs the configuration.

#include <iostream>
#include <optional>
#include <string>

#include "jiro/config/load.hpp"

namespace jiro::daemon::cli {

// The configuration, or nothing after every error was printed, one a line: the exit code is then bad_configuration.
inline std::optional<config::Config> load_config_or_report(const std::string& file,
                                                           const config::Environment& environment) {
    auto loaded = config::load_file(file, environment);
    for (const auto& error : loaded.errors) std::cerr << config::to_string(error) << '\n';
    return std::move(loaded.config);
}

}  // namespace jiro::daemon::cli
