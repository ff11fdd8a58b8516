// SPDX-License-Identifier: MIT
#include "jiro/base/database_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/wal.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/text.hpp"

namespace jiro {

namespace {

namespace fs = std::filesystem;

constexpr auto kRebuilding = ".rebuilding";
constexpr const char* kDoubtful = ".doubtful";
constexpr auto kRebuilt = ".rebuilt";
constexpr int kMostDamagedFiles = 1000;
constexpr std::uint32_t kPageSize = 4096;
constexpr std::size_t kSchemaBegin = 100;

fs::path with_suffix(const fs::path& path, const std::string& suffix) { return path.string() + suffix; }

Result<> rename_file(const fs::path& from, const fs::path& to, const char* what) {
    std::error_code error;
    fs::rename(from, to, error);
    if (error) return file_error(what, from, error.value());
    return {};
}

// is_open_elsewhere: by SQLite, which locks these bytes of what it has open.
bool is_open_elsewhere(int database) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 0x40000000;
    lock.l_len = 512;
    return fcntl(database, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// page_size_of: as the header says, or SQLite's own choice where that says nothing.
std::uint32_t page_size_of(int database) {
    std::array<unsigned char, 2> size{};
    if (pread(database, size.data(), size.size(), 16) != 2) return kPageSize;
    const auto bytes = static_cast<std::uint32_t>(size[0] << 8U | size[1]);
    if (bytes == 1) return 65536;
    return std::has_single_bit(bytes) && bytes >= 512 ? bytes : kPageSize;
}

// As much of it as there is.
class FirstPage {
  public:
    explicit FirstPage(int database) {
        const auto count = pread(database, bytes_.data(), bytes_.size(), 0);
        size_ = count > 0 ? static_cast<std::size_t>(count) : 0;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool is_of_sqlite() const noexcept {
        constexpr std::string_view kHeader("SQLite format 3\0", 16);
        return std::string_view(bytes_.data(), size_).starts_with(kHeader);
    }
    [[nodiscard]] bool has_zero() const noexcept {
        return std::string_view(bytes_.data(), size_).find('\0') != std::string_view::npos;
    }
    [[nodiscard]] std::uint32_t number(std::size_t place) const noexcept {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < sizeof value; ++i)
            value = value << 8U | static_cast<unsigned char>(bytes_[place + i]);
        return value;
    }
    // The schema is a table that begins there, with its kind, two numbers, and how many entries it has.
    [[nodiscard]] bool has_no_table() const noexcept {
        return bytes_[kSchemaBegin] == 0x0D && number(kSchemaBegin + 3) >> 16U == 0;
    }

  private:
    std::array<char, kPageSize> bytes_{};
    std::size_t size_ = 0;
};

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

// A database of ours is whole pages, whatever is wrong with them, and its first one is never without a zero byte.
bool DatabaseFile::is_foreign(std::uint32_t application_id) const {
    for (const char* beside : {".lock", ".ballast", kRebuilt}) {
        if (access(with_suffix(path_, beside).c_str(), F_OK) == 0) return false;
    }
    const FileDescriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0 || status.st_size == 0) return false;
    const FirstPage page(file.get());
    if (page.number(68) == application_id) return false;
    if (!page.is_of_sqlite()) return status.st_size % kPageSize != 0 || !page.has_zero();
    const bool is_new = page.number(68) == 0 && page.number(60) == 0 && page.has_no_table();
    return page.size() >= kSchemaBegin && !is_new;
}

Result<> DatabaseFile::make() const {
    for (const char* suffix : {"", "-wal", "-journal"}) {  // of which SQLite would say "disk I/O error"
        const auto place = with_suffix(path_, suffix);
        struct stat status {};
        if (lstat(place.c_str(), &status) != 0 || S_ISLNK(status.st_mode)) continue;
        const auto other = what_else(status.st_mode);
        if (!other.empty())
            return Error(storage_errc::io, place.string() + ' ' + std::string(other) + ": move it away");
    }
    const auto file = open_private_file(path_);
    if (!file) return file.error();
    struct stat status {};
    if (fstat(file->get(), &status) == 0 && (status.st_mode & 077) != 0) fchmod(file->get(), 0600);
    return {};
}

bool DatabaseFile::is_empty() const {
    std::error_code error;
    return fs::file_size(path_, error) == 0 && !error;
}

std::string MendedLog::told() const {
    constexpr std::array kWhat{"its log was damaged: it is mended, and nothing is lost",
                               "its log was damaged, more than could be mended: what stood there is lost",
                               "its file was emptied: what its log still had is taken up, the rest is lost"};
    return std::string(kWhat.at(static_cast<std::size_t>(harm))) +
           "; the log as it was: " + kept_as.filename().string();
}

// The log takes the place of the damaged one when it is whole: until then whoever is killed begins anew.
Result<std::optional<MendedLog>> DatabaseFile::mend_log(Flushed flushed) const {
    const auto log = with_suffix(path_, "-wal");
    const FileDescriptor database(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    const FileDescriptor wal(open(log.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!database || !wal || is_open_elsewhere(database.get())) return std::optional<MendedLog>();
    const auto page_size = page_size_of(database.get());
    const auto verdict = judge_wal(wal.get(), page_size, flushed);
    const bool is_alone = is_empty() && verdict.frames > 0;  // SQLite would delete it
    if (verdict.dropped == 0 && !is_alone) return std::optional<MendedLog>();

    const auto aside = free_name();
    if (!aside) return aside.error();
    const auto kept_as = with_suffix(*aside, "-wal");
    const auto mended = with_suffix(log, ".mended");
    unlink(mended.c_str());
    const auto file = open_private_file(mended);
    if (!file) return file.error();
    std::error_code error;
    if (!write_mended_wal(wal.get(), page_size, verdict, file->get()) || fsync(file->get()) != 0) {
        error.assign(errno, std::generic_category());
    }
    if (!error) fs::copy_file(log, kept_as, error);
    const bool is_doubtful = is_alone || !verdict.is_exact;
    if (!error && is_doubtful && !open_private_file(with_suffix(path_, kDoubtful))) {
        error.assign(errno, std::generic_category());
    }
    if (!error) fs::rename(mended, log, error);
    // Last: as long as it is empty, whoever is killed here begins anew.
    if (!error && is_alone && ftruncate(database.get(), page_size) != 0) error.assign(errno, std::generic_category());
    if (error) {
        unlink(mended.c_str());
        unlink(kept_as.c_str());
        settle();
        return file_error("cannot mend", log, error.value());
    }
    (void)sync_folder_of(path_);  // a power cut before that: mended again
    using Harm = MendedLog::Harm;
    return std::optional(MendedLog{kept_as, is_alone ? Harm::emptied : verdict.is_exact ? Harm::none : Harm::some});
}

bool DatabaseFile::is_doubtful() const {
    std::error_code error;
    return fs::exists(with_suffix(path_, kDoubtful), error);
}

void DatabaseFile::settle() const { unlink(with_suffix(path_, kDoubtful).c_str()); }

Result<fs::path> DatabaseFile::begin_rebuilt() const {
    if (auto free = must_be_free(); !free) return free.error();
    drop_rebuilt();
    const auto path = with_suffix(path_, kRebuilding);
    const auto file = open_private_file(path);
    if (!file) return file.error();
    return path;
}

Result<> DatabaseFile::end_rebuilt() const {
    return rename_file(with_suffix(path_, kRebuilding), with_suffix(path_, kRebuilt), "cannot rename");
}

void DatabaseFile::drop_rebuilt() const {
    const auto rebuilding = with_suffix(path_, kRebuilding);
    for (const char* suffix : {"", "-wal", "-journal"}) unlink(with_suffix(rebuilding, suffix).c_str());
    unlink(with_suffix(path_, kRebuilt).c_str());
}

bool DatabaseFile::has_rebuilt() const {
    const FileDescriptor file(open(with_suffix(path_, kRebuilt).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    return file && FirstPage(file.get()).is_of_sqlite();  // after a power cut it may be there without its content
}

// Neither a damaged file nor a log is kept under it yet.
Result<fs::path> DatabaseFile::free_name() const {
    std::string stamp = utc_text(std::chrono::system_clock::now());
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    std::error_code error;
    for (int i = 0; i < kMostDamagedFiles; ++i) {
        const fs::path aside = with_suffix(path_, ".corrupt-" + stamp + (i == 0 ? "" : "-" + std::to_string(i)));
        if (!fs::exists(aside, error) && !fs::exists(with_suffix(aside, "-wal"), error)) return aside;
    }
    return Error(storage_errc::io, "too many damaged files beside " + path_.string());
}

Result<> DatabaseFile::must_be_free() const {
    const FileDescriptor file(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file && is_open_elsewhere(file.get()))
        return Error(storage_errc::busy, path_.string() + " is open in another program");
    return {};
}

Result<fs::path> DatabaseFile::move_aside() const {
    if (auto free = must_be_free(); !free) return free.error();
    auto aside = free_name();
    if (!aside) return aside;
    std::error_code error;
    const auto wal = with_suffix(path_, "-wal");
    if (!fs::exists(fs::symlink_status(path_, error))) {  // a log alone is nobody's
        unlink(wal.c_str());
        return aside;
    }
    // The WAL first: a database without it could be opened by mistake as if it were whole.
    if (fs::exists(wal, error)) {
        if (auto moved = rename_file(wal, with_suffix(*aside, "-wal"), "cannot move aside"); !moved) {
            return moved.error();
        }
    }
    if (auto moved = rename_file(path_, *aside, "cannot move aside"); !moved) return moved.error();
    return aside;
}

Result<> DatabaseFile::put_in_place() const {
    return rename_file(with_suffix(path_, kRebuilt), path_, "cannot put in place");
}

}  // namespace jiro
