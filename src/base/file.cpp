// SPDX-License-Identifier: MIT
#include "jiro/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/system/errc.hpp>
#include <cerrno>
#include <cstdio>

#include "jiro/base/file_descriptor.hpp"

namespace jiro {

namespace {

namespace errc = boost::system::errc;

}  // namespace

std::string_view what_else(mode_t mode) noexcept {
    if (S_ISREG(mode)) return {};
    if (S_ISDIR(mode)) return "is a directory, not a file";
    if (S_ISFIFO(mode)) return "is a named pipe, not a file";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "is a device, not a file";
    return "is not a regular file";
}

Error system_failure(std::string_view doing) {
    const boost::system::error_code code(errno, boost::system::generic_category());
    return Error(code).with_prefix(doing);
}

bool write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(file, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

FileDescriptor mark_of(const std::filesystem::path& path) noexcept {
    return FileDescriptor(open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
}

bool is_at(int file, const std::filesystem::path& path) noexcept {
    struct stat open {};
    struct stat named {};
    if (fstat(file, &open) != 0 || lstat(path.c_str(), &named) != 0) return false;
    return open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

Result<FileContent> read_small_file(const std::filesystem::path& path, std::size_t limit) {
    // O_NONBLOCK: a named pipe in the place of the file must not stop the daemon.
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return system_failure("cannot be opened");
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return system_failure("cannot be examined");
    if (const auto what = what_else(status.st_mode); !what.empty()) {
        const auto code = S_ISDIR(status.st_mode) ? errc::is_a_directory : errc::invalid_argument;
        return Error(errc::make_error_code(code), std::string(what));
    }
    FileContent content;
    content.is_world_readable = (status.st_mode & S_IROTH) != 0;
    content.is_writable_by_others = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    content.owner = status.st_uid;
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t count = read(file.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_failure("cannot be read");
        if (count == 0) return content;
        content.text.append(buffer.data(), static_cast<std::size_t>(count));
        if (content.text.size() > limit) {
            return Error(errc::make_error_code(errc::file_too_large),
                         "is larger than the limit of " + std::to_string(limit) + " bytes");
        }
    }
}

Result<> sync_folder_of(const std::filesystem::path& path) {
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const FileDescriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened || fsync(opened.get()) != 0) return system_failure("its folder cannot be flushed");
    return {};
}

Result<> write_small_file(const std::filesystem::path& path, std::string_view text) {
    const std::string made = path.string() + kSuffixWhileWritten;
    {
        const FileDescriptor file(
            open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
        if (!file) return system_failure("cannot be made");
        if (!write_all(file.get(), text) || fsync(file.get()) != 0) return system_failure("cannot be written");
    }
    if (rename(made.c_str(), path.c_str()) != 0) return system_failure("cannot be put in its place");
    return sync_folder_of(path);
}

Result<> remove_file(const std::filesystem::path& path) {
    if (unlink(path.c_str()) != 0) {
        if (errno == ENOENT) return {};
        return system_failure("cannot be removed");
    }
    return sync_folder_of(path);
}

}  // namespace jiro
