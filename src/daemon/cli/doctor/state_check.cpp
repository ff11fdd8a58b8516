// SPDX-License-Identifier: MIT
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/cli/doctor/local_checks.hpp"
#include "daemon/cli/doctor/look.hpp"
#include "daemon/cli/service_user.hpp"
#include "daemon/state_directory.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/probe.hpp"

namespace jiro::daemon::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMebibyte = 1024 * 1024;
constexpr std::uint64_t kTooLittle = 32 * kMebibyte;  // the ballast, a log of changes, and some room to work
constexpr std::uint64_t kFewInodes = 64;
constexpr const char* kDaemonUser = "jiro";
// The day that this was written: no clock can be right that is before it.
constexpr WallTime kNotBefore = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);

std::string user_name(uid_t user) {
    const passwd* entry = getpwuid(user);  // NOLINT(concurrency-mt-unsafe): the command line has one thread
    return entry == nullptr ? std::to_string(user) : entry->pw_name;
}

class StateCheck {
  public:
    StateCheck(Findings& findings, const config::Config& config, fs::path database)
        : findings_(findings), config_(config), database_(std::move(database)), folder_(database_.parent_path()) {
        if (folder_.empty()) folder_ = ".";
    }

    // False: there is nothing further to look at.
    bool folder() {
        struct stat status {};
        if (stat(folder_.c_str(), &status) != 0) {
            if (errno == ENOENT) {
                findings_.warning("state.folder", folder_.string() + " does not exist yet",
                                  "nothing, if the daemon never ran: its unit makes it (StateDirectory=)");
            } else {
                findings_.problem("state.folder", folder_.string() + " cannot be examined: " + std::strerror(errno),
                                  "run this as root or as the daemon's user");
            }
            return false;
        }
        if (!S_ISDIR(status.st_mode)) {
            findings_.problem("state.folder", folder_.string() + " is not a folder", "correct Outbox.Path");
            return false;
        }
        const bool is_good = owner(status) && mode(status) && writable(status);
        sandbox();
        if (is_good) {
            findings_.ok("state.folder",
                         folder_.string() + " belongs to " + user_name(status.st_uid) + " and can be written");
        }
        return true;
    }

    void space() {
        struct statvfs status {};
        if (statvfs(folder_.c_str(), &status) != 0) return;
        const std::uint64_t left = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
        const std::string text = std::to_string(left / kMebibyte) + " MiB are left for " + folder_.string();
        const std::uint64_t wanted = config_.delivery.outbox.max_bytes;
        if (left < kTooLittle) {
            findings_.problem("state.space", text, "make room: new commands are refused while the disk is full");
        } else if (left < wanted) {
            findings_.warning("state.space", text + ", less than Outbox.MaxBytes",
                              "make room, or lower Outbox.MaxBytes");
        } else {
            findings_.ok("state.space", text);
        }
        // File systems without a fixed number of inodes say 0.
        if (status.f_files > 0 && status.f_favail < kFewInodes) {
            findings_.problem("state.inodes", "hardly any files can be made in " + folder_.string(),
                              "delete files on that file system: its inodes are used up");
        }
    }

    void database() {
        const auto in_use = delivery::is_in_use(database_);
        if (!in_use) {
            return findings_.problem("state.lock", in_use.error().message, "run this as root or as the daemon's user");
        }
        if (*in_use) {
            return findings_.warning("state.lock", "a daemon that does not answer has the outbox open",
                                     "`systemctl status jiro-client`; give the --config that it uses");
        }
        std::error_code error;
        if (!fs::exists(database_, error)) {
            return findings_.ok("state.outbox", "there is no outbox yet; the daemon makes it");
        }
        const auto probe = delivery::probe_outbox(database_);
        if (!probe && probe.error().code == delivery::errc::wrong_file) return;  // told before
        if (!probe) return explain(probe.error());
        std::string text = "the outbox can be read (schema " + std::to_string(probe->schema) + "): ";
        if (probe->schema == 0) text = "the outbox can be read: ";
        text += std::to_string(probe->undelivered) + " undelivered, " + std::to_string(probe->unfinished) +
                " unfinished, " + std::to_string(probe->dead_letters) + " dead letters";
        if (probe->has_log) text += ", and a log that the next start takes in";
        findings_.ok("state.outbox", std::move(text));
        if (probe->dead_letters > 0) {
            findings_.warning(
                "state.dead", std::to_string(probe->dead_letters) + " results were given up",
                "`jiro-client outbox list --state dead` shows them, `outbox retry --dead` sends them again");
        }
    }

  private:
    bool owner(const struct stat& status) {
        const passwd* daemon = getpwnam(kDaemonUser);  // NOLINT(concurrency-mt-unsafe)
        const bool is_packaged = config_.source.parent_path() == "/etc/jiro";
        if (!is_packaged || daemon == nullptr || daemon->pw_uid == status.st_uid) return true;
        findings_.problem(
            "state.owner",
            folder_.string() + " belongs to " + user_name(status.st_uid) + ", but the service runs as " + kDaemonUser,
            std::string("chown -R ") + kDaemonUser + ": " + folder_.string());
        return false;
    }

    // Outside its own folders the unit sees a read-only system, which cannot be seen from here.
    void sandbox() {
        if (config_.source.parent_path() != "/etc/jiro") return;
        if (folder_.string().starts_with("/var/lib/jiro")) return;
        findings_.warning("state.sandbox", folder_.string() + " is outside /var/lib/jiro, where the service may write",
                          "`systemctl edit jiro-client`: [Service], then ReadWritePaths=" + folder_.string() +
                              "; nothing, if that is there");
    }

    bool mode(const struct stat& status) {
        if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0) {
            findings_.problem("state.mode", folder_.string() + " can be written by every user of this machine",
                              "chmod 700 " + folder_.string());
            return false;
        }
        if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
            findings_.warning("state.mode",
                              folder_.string() + " is open to other users; commands and results lie in it",
                              "chmod 700 " + folder_.string());
        }
        return true;
    }

    bool writable(const struct stat& status) {
        // Root may write everywhere, but it is the owner who will have to.
        const bool as_root = geteuid() == 0;
        const bool may = as_root ? (status.st_mode & S_IWUSR) != 0 : access(folder_.c_str(), W_OK | X_OK) == 0;
        struct statvfs file_system {};
        const bool is_read_only = statvfs(folder_.c_str(), &file_system) == 0 && (file_system.f_flag & ST_RDONLY) != 0;
        if (may && !is_read_only) return true;
        findings_.problem("state.writable",
                          folder_.string() + (is_read_only ? " is on a file system that is mounted read-only"
                                                           : " cannot be written by " +
                                                                 user_name(as_root ? status.st_uid : geteuid())),
                          is_read_only ? "mount it read-write: look for disk errors in `dmesg`"
                                       : "run this as the daemon's user, or correct the folder's owner and mode");
        return false;
    }

    void explain(const Error& error) {
        if (error.code == storage_errc::newer_version) {
            findings_.problem("state.outbox", error.message,
                              "install that version again, or move outbox.db* away once nothing in it is needed");
        } else if (error.code == storage_errc::corrupt) {
            findings_.problem(
                "state.outbox", "the outbox is damaged: " + error.message,
                "start the daemon: it moves the file aside and saves what can be read; then look at the disk");
        } else {
            findings_.problem("state.outbox", error.message, "run this as root or as the daemon's user");
        }
    }

    Findings& findings_;
    const config::Config& config_;
    fs::path database_;
    fs::path folder_;
};

}  // namespace

void check_state(Findings& findings, const config::Config& config, const fs::path& database,
                 const Environment& environment, bool daemon_runs) {
    findings.begin_section("State directory");
    for (const auto& file : foreign_files(config, database, environment)) {
        const auto [text, advice] = split_advice(file.message, "name another file");
        findings.problem("state.files", text, advice);
    }
    if (database == kInMemory) {
        return findings.warning("state.memory", "results are kept in memory only: they are lost with the daemon",
                                "remove Outbox.Path: \":memory:\" unless that is meant");
    }
    if (database.empty()) {
        return findings.problem("state.folder", "there is no folder for the outbox",
                                "set Outbox.Path, or STATE_DIRECTORY or HOME in the environment");
    }
    StateCheck check(findings, config, database);
    if (!check.folder()) return;
    check.space();
    if (daemon_runs) return findings.ok("state.lock", "the running daemon has the outbox open");
    if (is_look_under_way && geteuid() == 0) {
        return findings.warning("state.owner", "the outbox is not opened while another file does not answer",
                                "look at the disk or mount of that file, then run this again");
    }
    if (const auto became = become_owner_of(database.parent_path()); !became) {
        return findings.problem("state.owner", became.error().message, "run this as root or as the daemon's user");
    }
    check.database();
}

void check_clock(Findings& findings, WallTime now) {
    findings.begin_section("Clock");
    if (now >= kNotBefore) return;
    findings.problem("clock.date", "this machine's clock is before the day on which this program was written",
                     "set it, and have it synchronised (`timedatectl`): certificates are valid by the clock");
}

}  // namespace jiro::daemon::cli
