// SPDX-License-Identifier: MIT
// `migrate-config FILE`: the C# client's appsettings.json as a file of ours.

#include <iostream>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/config/migrate.hpp"

namespace jiro::daemon::cli {

int migrate_config(const std::string& file, const std::string& output) {
    // The file alone: what is in the environment stays there.
    const auto loaded = config::load_file(file, {});
    for (const auto& error : loaded.errors) std::cerr << config::to_string(error) << '\n';
    if (!loaded) return ExitCode::bad_configuration;
    for (const auto& warning : loaded.config->warnings) std::cerr << "warning: " << warning.text << '\n';
    if (output.empty()) {
        std::cout << config::as_our_yaml(*loaded.config, config::Secrets::left_out);
        return ExitCode::good;
    }
    // For its owner only, since the key is in it.
    const auto text = config::as_our_yaml(*loaded.config, config::Secrets::written);
    if (const auto written = write_new_file(output, text, 0600); !written) {
        std::cerr << output << ": cannot be written: " << written.error().message << '\n';
        return ExitCode::failed;
    }
    std::cout << output << " is written; `jiro-client check-config --config " << output << "` looks at it\n";
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
