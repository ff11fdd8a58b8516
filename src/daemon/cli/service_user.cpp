// SPDX-License-Identifier: MIT
#include "daemon/cli/service_user.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/system/errc.hpp>

namespace jiro::daemon::cli {

Result<std::optional<std::string>> become_owner_of(const std::filesystem::path& folder) {
    if (geteuid() != 0 || folder.empty()) return std::optional<std::string>();
    struct stat status {};
    std::filesystem::path at;
    for (const auto& part : std::filesystem::absolute(folder)) {
        at /= part;
        // Links so far are root's: the folder that each stands in is.
        if (stat(at.c_str(), &status) != 0) return std::optional<std::string>();
        if (status.st_uid != 0) break;
    }
    if (status.st_uid == 0) return std::optional<std::string>();

    const passwd* const user = getpwuid(status.st_uid);  // NOLINT(concurrency-mt-unsafe): before any thread starts
    const std::string name = user == nullptr ? "uid " + std::to_string(status.st_uid) : user->pw_name;
    const gid_t group = user == nullptr ? status.st_gid : user->pw_gid;
    const bool has_groups = user == nullptr ? setgroups(0, nullptr) == 0 : initgroups(user->pw_name, group) == 0;
    if (!has_groups || setresgid(group, group, group) != 0 ||
        setresuid(status.st_uid, status.st_uid, status.st_uid) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return Error(make_error_code(boost::system::errc::operation_not_permitted),
                     "the user that owns " + at.string() + " (" + name + ") cannot be taken on");
    }
    return std::optional(name);
}

}  // namespace jiro::daemon::cli
