// SPDX-License-Identifier: MIT
#include "jiro/base/database_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>

#include "jiro/base/text.hpp"

namespace jiro {

namespace {

namespace fs = std::filesystem;

constexpr auto kRebuilding = ".rebuilding";
constexpr auto kRebuilt = ".rebuilt";
constexpr int kMostDamagedFiles = 1000;

fs::path with_suffix(const fs::path& path, const std::string& suffix) { return path.string() + suffix; }

Result<> rename_file(const fs::path& from, const fs::path& to, const char* what) {
    std::error_code error;
    fs::rename(from, to, error);
    if (error) return file_error(what, from, error.value());
    return {};
}

}  // namespace

Error file_error(const std::string& what, const fs::path& path, int number) {
    std::string text = what + ' ' + path.string() + ": " + std::generic_category().message(number);
    // The unit makes the whole system read-only but for its own folders.
    if (number == EROFS) text += " (under systemd: name the folder by ReadWritePaths= in a drop-in of the unit)";
    return Error(storage_errc_of(number), std::move(text));
}

Result<FileDescriptor> open_private_file(const fs::path& path) {
    FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return file_error("cannot open", path, errno);
    return file;
}

std::optional<bool> is_sqlite_file(const fs::path& path) {
    constexpr std::string_view kHeader("SQLite format 3\0", 16);
    std::array<char, kHeader.size()> start{};
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const auto count = file ? read(file.get(), start.data(), start.size()) : -1;
    if (count <= 0) return std::nullopt;
    return std::string_view(start.data(), static_cast<std::size_t>(count)) == kHeader;
}

Result<> DatabaseFile::make() const {
    const auto file = open_private_file(path_);
    if (!file) return file.error();
    struct stat status {};
    if (fstat(file->get(), &status) == 0 && (status.st_mode & 077) != 0) fchmod(file->get(), 0600);
    return {};
}

Result<fs::path> DatabaseFile::begin_rebuilt() const {
    const auto path = with_suffix(path_, kRebuilding);
    for (const char* suffix : {"", "-wal", "-journal"}) unlink(with_suffix(path, suffix).c_str());
    const auto file = open_private_file(path);
    if (!file) return file.error();
    return path;
}

Result<> DatabaseFile::end_rebuilt() const {
    return rename_file(with_suffix(path_, kRebuilding), with_suffix(path_, kRebuilt), "cannot rename");
}

bool DatabaseFile::has_rebuilt() const {
    return is_sqlite_file(with_suffix(path_, kRebuilt)) ==
           true;  // after a power cut it may be there without its content
}

Result<fs::path> DatabaseFile::move_aside() const {
    std::string stamp = utc_text(std::chrono::system_clock::now());
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    std::error_code error;
    for (int i = 0; i < kMostDamagedFiles; ++i) {
        const fs::path aside = with_suffix(path_, ".corrupt-" + stamp + (i == 0 ? "" : "-" + std::to_string(i)));
        if (fs::exists(aside, error)) continue;
        // The WAL first: a database without it could be opened by mistake as if it were whole.
        if (const auto wal = with_suffix(path_, "-wal"); fs::exists(wal, error)) {
            if (auto moved = rename_file(wal, with_suffix(aside, "-wal"), "cannot move aside"); !moved)
                return moved.error();
        }
        fs::rename(path_, aside, error);
        if (error && error != std::errc::no_such_file_or_directory) {
            return file_error("cannot move aside", path_, error.value());
        }
        return aside;
    }
    return Error(storage_errc::io, "too many damaged files beside " + path_.string());
}

Result<> DatabaseFile::put_in_place() const {
    return rename_file(with_suffix(path_, kRebuilt), path_, "cannot put in place");
}

}  // namespace jiro
