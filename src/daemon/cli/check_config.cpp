// SPDX-License-Identifier: MIT
#include <iostream>

#include "daemon/cli/subcommands.hpp"
#include "daemon/hub_overlay.hpp"
#include "daemon/state_directory.hpp"
#include "jiro/config/check_tls.hpp"
#include "jiro/config/locations.hpp"
#include "jiro/config/migrate.hpp"
#include "jiro/config/print.hpp"

namespace jiro::daemon::cli {

int check_config(const std::string& config_file, Print print) {
    const auto environment = process_environment();
    const auto [config, errors] = load_with_overlay(config_file, environment);
    std::vector<std::string> problems;
    for (const auto& error : errors) problems.push_back(config::to_string(error));
    if (config) {
        for (const auto& problem : config::check_tls_files(*config)) problems.push_back(problem.message);
        for (const auto& file : foreign_files(*config, config::find_outbox_of_unit(*config, environment), environment))
            problems.push_back(file.message);
    }
    for (const auto& problem : problems) std::cerr << problem << '\n';
    if (!problems.empty()) return ExitCode::bad_configuration;

    std::cerr << config::foreign_mapping(*config);
    for (const auto& warning : config->warnings) std::cerr << "warning: " << warning.text << '\n';
    if (print == Print::effective) {
        std::cout << config::print_effective(*config);
    } else {
        std::cout << config_file << " is good";
        for (const auto& piece : config->pieces) std::cout << "\n" << piece.string() << " is good";
        std::cout << '\n';
    }
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
