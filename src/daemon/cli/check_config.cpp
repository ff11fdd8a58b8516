// SPDX-License-Identifier: MIT
#include <iostream>

#include "daemon/cli/load_config.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/base/tls_files.hpp"
#include "jiro/config/print.hpp"

namespace jiro::daemon::cli {

namespace {

// By the function that reads them for a connection.
template <typename Tls>
void check_tls_files(std::vector<std::string>& problems, const std::string& section, const Tls& tls) {
    const auto material = read_tls_files({tls.ca_file, tls.certificate_file, tls.private_key_file});
    if (!material) problems.push_back(section + '.' + material.error().message);
}

}  // namespace

int check_config(const CheckConfigOptions& options) {
    const auto config = load_config_or_report(options.config_file, config::process_environment());
    if (!config) return ExitCode::bad_configuration;
    std::vector<std::string> problems;
    check_tls_files(problems, "WebSocket.Tls", config->websocket.tls);
    check_tls_files(problems, "Grpc.Tls", config->delivery.grpc.tls);
    for (const auto& problem : problems) std::cerr << problem << '\n';
    if (!problems.empty()) return ExitCode::bad_configuration;

    for (const auto& warning : config->warnings) std::cerr << "warning: " << warning.text << '\n';
    if (options.print_effective) {
        std::cout << config::print_effective(*config);
    } else {
        std::cout << options.config_file << " is good\n";
    }
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
