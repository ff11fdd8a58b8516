// SPDX-License-Identifier: MIT
#include "daemon/state_directory.hpp"

#include <algorithm>
#include <system_error>

#include "jiro/assistant/sessions.hpp"
#include "jiro/config/locations.hpp"
#include "jiro/delivery/probe.hpp"

namespace jiro::daemon {

Result<std::filesystem::path> prepare_outbox_path(const delivery::OutboxSettings& settings,
                                                  const Environment& environment) {
    const auto path = config::find_outbox_path(settings, environment);
    if (path == kInMemory) return path;
    const auto directory = path.parent_path();
    if (path.empty()) {
        return Error(make_error_code(boost::system::errc::no_such_file_or_directory),
                     "no folder for the outbox: set Outbox.Path, or STATE_DIRECTORY or HOME in the environment");
    }
    if (std::error_code error; !directory.empty() && !std::filesystem::is_directory(directory, error)) {
        std::filesystem::create_directories(directory, error);
        if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
        if (error) {
            return Error(boost::system::error_code(error),
                         "the outbox's folder " + directory.string() + " cannot be made: " + error.message() +
                             "; create it for the daemon's user, or set Outbox.Path. Under systemd a folder outside "
                             "/var/lib/jiro must also be named by ReadWritePaths= in a drop-in of the unit");
        }
    }
    return path;
}

std::vector<Error> foreign_files(const config::Config& config, const std::filesystem::path& outbox,
                                 const Environment& environment, const std::vector<std::filesystem::path>& in_use) {
    std::vector<Error> found;
    const auto look_at = [&](const std::filesystem::path& file, auto look) {
        const auto is_same = [&file](const std::filesystem::path& used) {
            std::error_code error;
            return file == used || std::filesystem::equivalent(file, used, error);
        };
        if (file.empty() || file == kInMemory || std::ranges::any_of(in_use, is_same)) return;
        if (const Result<> looked = look(file); !looked) found.push_back(looked.error());
    };
    look_at(outbox, delivery::look_at_outbox_file);
    look_at(config.delivery.outbox.redo_log, delivery::look_at_redo_log_file);
    if (config.chat.is_configured())
        look_at(config::find_sessions_path(config, outbox, environment), assistant::look_at_sessions_file);
    return found;
}

}  // namespace jiro::daemon
