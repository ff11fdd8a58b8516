// SPDX-License-Identifier: MIT
#include "commands/exec/run_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

namespace jiro::commands {

namespace {

using Steady = std::chrono::steady_clock;

constexpr auto kRemoveLimit = std::chrono::seconds(60);
constexpr int kDeepest = 16;  // folders that are open at a time
constexpr const char* kUnlockedPrefix = "jiro-new-";

FileDescriptor open_folder(int at, const char* name) {
    return FileDescriptor(openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
}

bool lock_folder(const FileDescriptor& folder) { return flock(folder.get(), LOCK_EX | LOCK_NB) == 0; }

// Also one that its owner may not read or change.
FileDescriptor open_to_empty(int at, const char* name) {
    struct stat status {};
    if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode)) return {};
    const bool is_closed = (status.st_mode & S_IRWXU) != S_IRWXU;
    // No link is followed: whoever outlived the run may have put one there since.
    if (is_closed && fchmodat(at, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) != 0) return {};
    return open_folder(at, name);
}

// Empties a folder. Of what lies deeper than kDeepest, a folder at a time is moved to the top, where it is no longer
// deep: so the depth costs no descriptors.
class Emptying {
  public:
    explicit Emptying(int top) : top_(top) { fstat(top, &status_); }

    // True: nothing is left.
    bool run() {
        for (bool has_more = true; has_more;) {
            has_moved_ = false;
            const bool is_empty = empty(top_, 0);
            if (is_empty && !has_moved_) return true;
            has_more = has_moved_ && Steady::now() < give_up_at_;
        }
        return false;
    }

  private:
    bool empty(int folder, int depth) {
        DIR* const list = fdopendir(dup(folder));
        if (list == nullptr) return false;
        rewinddir(list);
        bool is_empty = true;
        while (const dirent* entry = readdir(list)) {
            const std::string_view name = entry->d_name;
            if (name == "." || name == "..") continue;
            const bool is_late = Steady::now() >= give_up_at_;
            if (is_late || !remove_entry(folder, entry->d_name, depth)) is_empty = false;
            if (is_late) break;
        }
        closedir(list);
        return is_empty;
    }

    bool remove_entry(int folder, const char* name, int depth) {
        if (unlinkat(folder, name, 0) == 0) return true;
        if (errno != EISDIR && errno != EPERM) return errno == ENOENT;
        if (unlinkat(folder, name, AT_REMOVEDIR) == 0) return true;
        if (depth >= kDeepest) return move_to_top(folder, name);
        const FileDescriptor inner = open_to_empty(folder, name);
        struct stat status {};
        if (!inner || fstat(inner.get(), &status) != 0 || status.st_dev != status_.st_dev) return false;
        const bool is_empty = empty(inner.get(), depth + 1);
        return unlinkat(folder, name, AT_REMOVEDIR) == 0 && is_empty;
    }

    bool move_to_top(int folder, const char* name) {
        const std::string moved = ".deep-" + std::to_string(++moved_count_);
        const bool is_moved = renameat(folder, name, top_, moved.c_str()) == 0;
        has_moved_ = has_moved_ || is_moved;
        return is_moved;
    }

    int top_;
    struct stat status_ {};
    std::size_t moved_count_ = 0;
    bool has_moved_ = false;
    const Steady::time_point give_up_at_ = Steady::now() + kRemoveLimit;
};

bool remove_folder(const std::string& path, const FileDescriptor& folder) {
    fchmod(folder.get(), 0700);
    const bool is_empty = Emptying(folder.get()).run();
    return rmdir(path.c_str()) == 0 && is_empty;
}

}  // namespace

std::filesystem::path run_folder_base() {
    std::error_code error;
    auto base = std::filesystem::temp_directory_path(error);
    return error ? "/tmp" : base;
}

std::unique_ptr<RunFolder> RunFolder::make(const std::filesystem::path& base) {
    // It has its name only when it has its lock: whoever removes what is left must not take it for that.
    std::string made = (base / kUnlockedPrefix).string() + "XXXXXX";
    if (mkdtemp(made.data()) == nullptr) return nullptr;
    FileDescriptor folder = open_folder(AT_FDCWD, made.c_str());
    std::string path = (base / kPrefix).string() + made.substr(made.size() - 6);
    if (folder && lock_folder(folder) && rename(made.c_str(), path.c_str()) == 0) {
        return std::unique_ptr<RunFolder>(new RunFolder(std::move(path), std::move(folder)));
    }
    const int error = errno;
    rmdir(made.c_str());
    errno = error;
    return nullptr;
}

bool RunFolder::remove() {
    const bool is_gone = remove_folder(path_, lock_);
    if (is_gone) lock_ = FileDescriptor();
    return is_gone;
}

void remove_in_background(std::unique_ptr<RunFolder> folder) noexcept {
    try {
        std::thread([folder = std::move(folder)] { folder->remove(); }).detach();
    } catch (const std::exception&) {  // no thread: at the next start, then
    }
}

std::size_t remove_left_folders(const std::filesystem::path& base) {
    DIR* const list = opendir(base.c_str());
    if (list == nullptr) return 0;
    std::size_t removed = 0;
    while (const dirent* entry = readdir(list)) {
        if (!std::string_view(entry->d_name).starts_with(RunFolder::kPrefix)) continue;
        const FileDescriptor folder = open_folder(dirfd(list), entry->d_name);
        struct stat status {};
        const bool is_ours = folder && fstat(folder.get(), &status) == 0 && status.st_uid == geteuid();
        if (!is_ours || !lock_folder(folder)) continue;
        if (remove_folder((base / entry->d_name).string(), folder)) ++removed;
    }
    closedir(list);
    return removed;
}

}  // namespace jiro::commands
