// SPDX-License-Identifier: MIT
#include "delivery/outbox_files.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "delivery/failpoint.hpp"
#include "delivery/file_lock.hpp"
#include "jiro/base/file.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/probe.hpp"

namespace jiro::delivery {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFewInodes = 8;

fs::path with_suffix(const fs::path& path, const std::string& suffix) { return path.string() + suffix; }

}  // namespace

OutboxFiles::OutboxFiles(const OutboxSettings& settings)
    : path_(settings.path), database_(path_), ballast_bytes_(settings.ballast_bytes) {}

void OutboxFiles::look_for_ballast() {
    std::error_code error;
    has_ballast_ =
        ballast_bytes_ > 0 && fs::file_size(with_suffix(path_, ".ballast"), error) >= ballast_bytes_ && !error;
}

bool OutboxFiles::has_lock() const { return lock_ && is_at(lock_.get(), with_suffix(path_, ".lock")); }

// A lock on a file that was removed keeps nobody out.
Result<> OutboxFiles::take_place() {
    std::error_code error;
    if (const auto folder = path_.parent_path(); !folder.empty() && !fs::exists(folder, error)) {
        fs::create_directories(folder, error);
        if (error) return file_error("cannot create", folder, error.value());
        fs::permissions(folder, fs::perms::owner_all, error);
    }
    if (!has_lock()) {
        // Not of one that is open: whoever closes it again gives up SQLite's locks of it.
        if (auto ours = lock_ ? Result<>() : look_at_outbox_file(path_); !ours) return ours;
        auto lock = open_private_file(with_suffix(path_, ".lock"));
        if (!lock) return lock.error();
        // Who has it open tries again in a second, and has work meanwhile.
        if (!(lock_ ? lock_at_once(lock->get()) : lock_patiently(lock->get()))) {
            return Error(errc::in_use, "the outbox " + path_.string() + " is in use by another jiro-client");
        }
        lock_ = std::move(*lock);
    }
    return {};
}

Result<> OutboxFiles::prepare() {
    if (are_none()) return {};
    look_for_ballast();
    if (auto taken = take_place(); !taken) return taken;
    if (database_.has_rebuilt()) {
        auto replaced = finish_replacing();
        if (!replaced) return replaced.error();
        replaced_ = std::move(*replaced);
    }
    return database_.make();
}

bool OutboxFiles::make_ballast() {
    if (has_ballast_ || ballast_bytes_ == 0) return true;
    const auto path = with_suffix(path_, ".ballast");
    const auto file = open_private_file(path);
    if (!file) return false;
    // Really allocated: a sparse file would hold nothing back.
    has_ballast_ = posix_fallocate(file->get(), 0, static_cast<off_t>(ballast_bytes_)) == 0;
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

Result<fs::path> OutboxFiles::finish_replacing() const {
    JIRO_FAILPOINT("c15_before_damaged_moved_aside");
    auto aside = database_.move_aside();
    if (!aside) return aside;
    JIRO_FAILPOINT("c16_before_rebuilt_in_place");
    if (auto put = database_.put_in_place(); !put) return put.error();
    return aside;
}

}  // namespace jiro::delivery
