// SPDX-License-Identifier: MIT
#include "delivery/outbox_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>

#include "delivery/failpoint.hpp"
#include "delivery/file_lock.hpp"
#include "delivery/log.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFewInodes = 8;
constexpr auto kRebuilding = ".rebuilding";
constexpr auto kRebuilt = ".rebuilt";

Error system_error(const std::string& what, const fs::path& path, int number) {
    std::string text = what + ' ' + path.string() + ": " + std::generic_category().message(number);
    // The unit makes the whole system read-only but for its own folders.
    if (number == EROFS) text += " (under systemd: name the folder by ReadWritePaths= in a drop-in of the unit)";
    return Error(storage_errc_of(number), std::move(text));
}

fs::path with_suffix(const fs::path& path, const std::string& suffix) { return path.string() + suffix; }

}  // namespace

OutboxFiles::OutboxFiles(const OutboxSettings& settings)
    : path_(settings.path), ballast_bytes_(settings.ballast_bytes) {}

OutboxFiles::~OutboxFiles() {
    if (lock_ >= 0) close(lock_);
}

Result<> OutboxFiles::prepare() {
    std::error_code error;
    if (const auto folder = path_.parent_path(); !folder.empty() && !fs::exists(folder, error)) {
        fs::create_directories(folder, error);
        if (error) return system_error("cannot create", folder, error.value());
        fs::permissions(folder, fs::perms::owner_all, error);
    }
    if (lock_ < 0) {
        int descriptor = -1;
        if (auto created = create(with_suffix(path_, ".lock"), descriptor); !created) return created;
        if (!lock_patiently(descriptor)) {
            close(descriptor);
            return Error(errc::in_use, "the outbox " + path_.string() + " is in use by another jiro-client");
        }
        lock_ = descriptor;
    }
    if (fs::exists(with_suffix(path_, kRebuilt), error)) {
        if (auto replaced = finish_replacing(); !replaced) return replaced.error();
    }
    int descriptor = -1;
    if (auto created = create(path_, descriptor); !created) return created;
    struct stat status {};
    if (fstat(descriptor, &status) == 0 && (status.st_mode & 077) != 0) fchmod(descriptor, 0600);
    close(descriptor);
    has_ballast_ =
        ballast_bytes_ > 0 && fs::file_size(with_suffix(path_, ".ballast"), error) >= ballast_bytes_ && !error;
    return {};
}

Result<> OutboxFiles::create(const fs::path& path, int& descriptor) const {
    descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return system_error("cannot open", path, errno);
    return {};
}

bool OutboxFiles::make_ballast() {
    if (has_ballast_ || ballast_bytes_ == 0) return true;
    const auto path = with_suffix(path_, ".ballast");
    int descriptor = -1;
    if (!create(path, descriptor)) return false;
    // Really allocated: a sparse file would hold nothing back.
    has_ballast_ = posix_fallocate(descriptor, 0, static_cast<off_t>(ballast_bytes_)) == 0;
    close(descriptor);
    if (!has_ballast_) unlink(path.c_str());
    return has_ballast_;
}

void OutboxFiles::drop_ballast() {
    if (!has_ballast_) return;
    unlink(with_suffix(path_, ".ballast").c_str());
    has_ballast_ = false;
}

std::optional<std::string> OutboxFiles::lacks_space(std::uint64_t wanted) const {
    struct statvfs status {};
    if (statvfs(path_.parent_path().empty() ? "." : path_.parent_path().c_str(), &status) != 0) return std::nullopt;
    const std::uint64_t left = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
    if (left < wanted) return "only " + std::to_string(left) + " bytes are left on its disk";
    // File systems without a fixed number of inodes say 0.
    if (status.f_files > 0 && status.f_favail < kFewInodes) return "only few inodes are left on its disk";
    return std::nullopt;
}

Result<fs::path> OutboxFiles::begin_rebuilt() const {
    const auto path = with_suffix(path_, kRebuilding);
    for (const char* suffix : {"", "-wal", "-journal"}) unlink(with_suffix(path, suffix).c_str());
    int descriptor = -1;
    if (auto created = create(path, descriptor); !created) return created.error();
    close(descriptor);
    return path;
}

Result<fs::path> OutboxFiles::put_rebuilt_in_place() const {
    // The name says that it is whole.
    std::error_code error;
    const auto rebuilt = with_suffix(path_, kRebuilt);
    fs::rename(with_suffix(path_, kRebuilding), rebuilt, error);
    if (error) return system_error("cannot rename", rebuilt, error.value());
    return finish_replacing();
}

Result<fs::path> OutboxFiles::finish_replacing() const {
    JIRO_FAILPOINT("c15_before_damaged_moved_aside");
    auto aside = move_aside();
    if (!aside) return aside;
    JIRO_FAILPOINT("c16_before_rebuilt_in_place");
    std::error_code error;
    fs::rename(with_suffix(path_, kRebuilt), path_, error);
    if (error) return system_error("cannot rename", path_, error.value());
    return aside;
}

Result<fs::path> OutboxFiles::move_aside() const {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    gmtime_r(&now, &parts);
    char stamp[32];
    (void)std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
    std::error_code error;
    for (int i = 0; i < 1000; ++i) {
        const fs::path aside =
            with_suffix(path_, std::string(".corrupt-") + stamp + (i == 0 ? "" : "-" + std::to_string(i)));
        if (fs::exists(aside, error)) continue;
        // The WAL first: a database without it could be opened by mistake as if it were whole.
        if (const auto wal = with_suffix(path_, "-wal"); fs::exists(wal, error)) {
            fs::rename(wal, with_suffix(aside, "-wal"), error);
            if (error) return system_error("cannot move aside", wal, error.value());
        }
        fs::rename(path_, aside, error);
        if (error && error != std::errc::no_such_file_or_directory) {
            return system_error("cannot move aside", path_, error.value());
        }
        return aside;
    }
    return Error(storage_errc::io, "too many damaged files beside " + path_.string());
}

}  // namespace jiro::delivery
