// SPDX-License-Identifier: MIT
#include "daemon/state_directory.hpp"

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
                                 const Environment& environment) {
    std::vector<Error> found;
    const auto note = [&found](const Result<>& looked) {
        if (!looked) found.push_back(looked.error());
    };
    if (outbox != kInMemory && !outbox.empty()) note(delivery::look_at_outbox_file(outbox));
    if (!config.delivery.outbox.redo_log.empty())
        note(delivery::look_at_redo_log_file(config.delivery.outbox.redo_log));
    if (config.chat.is_configured())
        note(assistant::look_at_sessions_file(config::find_sessions_path(config, outbox, environment)));
    return found;
}

}  // namespace jiro::daemon
