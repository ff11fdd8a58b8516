#include <iostream>

#include "daemon/cli/exit_code.hpp"
#include "daemon/cli/load_config.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/config/print.hpp"

namespace jiro::daemon::cli {

int check_config(const CheckConfigOptions& options) {
    const auto config = load_config_or_complain(options.config_file, config::process_environment());
    if (!config) return ExitCode::bad_configuration;
    for (const auto& warning : config->warnings) std::cerr << "warning: " << warning.text << '\n';
    if (options.print_effective) {
        std::cout << config::print_effective(*config);
    } else {
        std::cout << options.config_file << " is good\n";
    }
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
