// SPDX-License-Identifier: MIT
#include "daemon/state_directory.hpp"

#include <unistd.h>

#include <system_error>

namespace jiro::daemon {

namespace {

std::filesystem::path default_directory(const Environment& environment) {
    if (const auto state = systemd_folder(environment, "STATE_DIRECTORY"); !state.empty()) return state;
    if (geteuid() == 0) return "/var/lib/jiro";
    if (const auto state = variable_in(environment, "XDG_STATE_HOME"); !state.empty()) return state + "/jiro";
    if (const auto home = variable_in(environment, "HOME"); !home.empty()) return home + "/.local/state/jiro";
    return {};
}

}  // namespace

std::filesystem::path find_outbox_path(const delivery::OutboxSettings& settings, const Environment& environment) {
    if (!settings.path.empty()) return settings.path;
    const auto directory = default_directory(environment);
    return directory.empty() ? directory : directory / "outbox.db";
}

Result<std::filesystem::path> prepare_outbox_path(const delivery::OutboxSettings& settings,
                                                  const Environment& environment) {
    const auto path = find_outbox_path(settings, environment);
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

}  // namespace jiro::daemon
