// SPDX-License-Identifier: MIT
#include "daemon/cli/outbox_location.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "daemon/state_directory.hpp"

namespace jiro::daemon::cli {

std::filesystem::path outbox_location(const config::Config& config) {
    if (!config.delivery.outbox.path.empty()) return config.delivery.outbox.path;
    const std::filesystem::path packaged = "/var/lib/jiro";
    if (config.source.parent_path() == "/etc/jiro") {
        const auto name = config.source.stem();
        return name == "config" ? packaged / "outbox.db" : packaged / name / "outbox.db";
    }
    return find_outbox_path(config.delivery.outbox, config::process_environment());
}

Result<> become_owner_of(const std::filesystem::path& folder) {
    struct stat status {};
    if (geteuid() != 0 || stat(folder.c_str(), &status) != 0 || status.st_uid == 0) return {};
    if (setresgid(status.st_gid, status.st_gid, status.st_gid) != 0 ||
        setresuid(status.st_uid, status.st_uid, status.st_uid) != 0) {
        return Error(make_error_code(boost::system::errc::operation_not_permitted),
                     "the user that owns " + folder.string() + " cannot be taken on to open the outbox");
    }
    return {};
}

}  // namespace jiro::daemon::cli
