// SPDX-License-Identifier: MIT
// `migrate-config FILE`: the C# client's appsettings.json as a file of ours.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/config/migrate.hpp"

namespace jiro::daemon::cli {

namespace {

// Never over a file that is there; for its owner only, since the key is in it.
bool write_new_file(const std::string& path, const std::string& text) {
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    const bool is_written = file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!is_written) std::cerr << path << ": cannot be written: " << std::strerror(errno) << '\n';
    return is_written;
}

}  // namespace

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
    if (!write_new_file(output, config::as_our_yaml(*loaded.config, config::Secrets::written))) return ExitCode::failed;
    std::cout << output << " is written; `jiro-client check-config --config " << output << "` looks at it\n";
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
