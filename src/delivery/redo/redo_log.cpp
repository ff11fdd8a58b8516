// SPDX-License-Identifier: MIT
// The file: a page with the header, then the records' place, used round and round. A record begins at a multiple of 16
// with its header; one that would not fit before the end of the place leaves padding there and begins at the front. The
// position in a record's header is written last and is what makes it valid: of a record that kill -9 left half written
// nobody was told, and the next one is written over it.
#include "delivery/redo/redo_log.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "delivery/failpoint.hpp"
#include "delivery/file_lock.hpp"
#include "delivery/log.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/random.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kAlignment = 16;
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kProvidedAtOnce = 256 * 1024;
constexpr std::size_t kMostBytes = 1024 * 1024 * 1024;
constexpr std::uint64_t kLatestPosition = std::uint64_t{1} << 62U;  // no log comes that far: adding to it is safe
constexpr std::uint32_t kPadding = 1U << 31U;                       // in a record's size
constexpr std::array<char, 8> kMagic{'J', 'I', 'R', 'O', 'R', 'E', 'D', 'O'};
constexpr std::uint32_t kVersion = 1;

constexpr std::uint64_t page_of(std::uint64_t place) { return place / kPageBytes * kPageBytes; }
constexpr std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

std::uint32_t checksum_of(std::string_view bytes, std::uint64_t seed) {
    return static_cast<std::uint32_t>(XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed));
}

// set_aside: under a name that nothing has yet.
std::string set_aside(const fs::path& path, const std::string& suffix) {
    for (int i = 0;; ++i) {
        auto aside = path.string() + suffix + (i == 0 ? "" : "-" + std::to_string(i));
        if (renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) == 0 || errno != EEXIST)
            return aside;
    }
}

std::string reason(int number) { return std::generic_category().message(number); }

Error cannot_be_had(const fs::path& path, const std::string& why) {
    return Error(errc::redo_log, "the redo log " + path.string() + ' ' + why);
}

Error cannot_be_read(storage_errc code, const fs::path& path, const std::string& why) {
    return Error(code, "the redo log " + path.string() + ' ' + why +
                           "; what it holds belongs into the outbox, so the outbox stays closed");
}

// For a log that is known to be ours: it cannot be done without.
Error as_ours(Error error, const fs::path& path) {
    return error.code == errc::redo_log ? cannot_be_read(storage_errc::io, path, "is in use by another process")
                                        : error;
}

}  // namespace

struct RedoLog::Header {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t checksum;  // of what follows, up to `start`
    std::int64_t id;
    std::uint64_t bytes;
    std::array<char, 1024> outbox;     // the path of the database, cut if need be
    std::atomic<std::uint64_t> start;  // everything before it is in the database
    // 0 in version 1. A later one repeats its version here, so that one flipped bit in the other place is no newer log.
    std::uint32_t version_again;

    [[nodiscard]] std::uint32_t sum() const {
        return checksum_of({outbox.data(), outbox.size()}, bytes ^ static_cast<std::uint64_t>(id));
    }
    [[nodiscard]] bool is_whole(std::size_t file_size) const {
        return checksum == sum() && bytes % kAlignment == 0 && bytes <= kMostBytes && bytes > kAlignment &&
               file_size >= kHeaderBytes + bytes && start % kAlignment == 0 && start <= kLatestPosition;
    }
};

struct RedoLog::RecordHeader {
    std::uint32_t size;  // of the record behind this header
    std::uint32_t checksum;
    std::uint64_t position;

    static std::uint32_t sum(Position position, std::string_view record) { return checksum_of(record, position); }
};

// The open, locked and mapped file.
class RedoLog::Mapping {
  public:
    enum class Access { read, write };

    static Result<std::unique_ptr<Mapping>> of(FileDescriptor descriptor, std::size_t size, Access access,
                                               const fs::path& path) {
        const int protection = access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ;
        void* address = mmap(nullptr, size, protection, MAP_SHARED, descriptor.get(), 0);
        if (address == MAP_FAILED) return cannot_be_read(storage_errc::io, path, "cannot be mapped: " + reason(errno));
        madvise(address, size, MADV_DONTFORK);
        madvise(address, size, MADV_DONTDUMP);
        return std::unique_ptr<Mapping>(new Mapping(std::move(descriptor), address, size));
    }
    ~Mapping() { munmap(address_, size_); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    [[nodiscard]] Header& header() const noexcept { return *static_cast<Header*>(address_); }
    [[nodiscard]] char* records() const noexcept { return static_cast<char*>(address_) + kHeaderBytes; }
    // The memory counts as this process's only while it is in use; its content stays.
    void give_back() noexcept { madvise(address_, size_, MADV_DONTNEED); }

    // Memory for a stretch of the records' place; false: there is none (a write would end the process with SIGBUS).
    [[nodiscard]] bool provide(std::size_t place, std::size_t length) noexcept {
        if (fallocate(descriptor_.get(), 0, offset(place), static_cast<off_t>(length)) != 0) return false;
#ifdef MADV_POPULATE_WRITE
        // One call instead of a fault for each page. Older kernels refuse it: then the faults do it.
        const std::size_t page = page_of(place);
        madvise(records() + page, length + (place - page), MADV_POPULATE_WRITE);
#endif
        return true;
    }
    // It is zero afterwards, and its whole pages take no memory.
    void release(std::size_t begin, std::size_t end) noexcept {
        if (begin >= end) return;
        fallocate(descriptor_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset(begin),
                  static_cast<off_t>(end - begin));
    }
    // Whether there is memory at a place: to read where there is none takes some, and could end the process with
    // SIGBUS.
    [[nodiscard]] bool is_there(std::size_t place) const noexcept {
        return place < kResidentBytes || lseek(descriptor_.get(), offset(place), SEEK_DATA) == offset(place);
    }

    // An empty file whose resident part is really there: writing to it later cannot fail for want of memory. Two
    // processes cannot make the same one: it gets its name when it is whole, and only where there is none of that name.
    static Result<std::unique_ptr<Mapping>> make(const fs::path& path, const fs::path& outbox, std::size_t bytes);
    // The same in the file that is open there, which has no name yet.
    static Result<std::unique_ptr<Mapping>> make_in(FileDescriptor descriptor, const fs::path& path,
                                                    const fs::path& outbox, std::size_t bytes);
    // The file that is there; null: none, or one without a byte. errc::redo_log: another process has it.
    // errc::wrong_file: it never was a log, each of which has its header before it has a name.
    static Result<std::unique_ptr<Mapping>> open(const fs::path& path, Access access);

    [[nodiscard]] bool is_at(const fs::path& path) const noexcept { return jiro::is_at(descriptor_.get(), path); }
    [[nodiscard]] bool is_newer() const noexcept {
        const Header& found = header();
        return found.magic == kMagic && found.version > kVersion && found.version == found.version_again;
    }
    [[nodiscard]] bool is_log() const { return header().magic == kMagic || header().is_whole(size_); }
    // Whatever `magic` and `version` say: they are not in the checksum, and may be damaged alone.
    [[nodiscard]] bool is_whole() const { return header().version_again == 0 && header().is_whole(size_); }

  private:
    Mapping(FileDescriptor descriptor, void* address, std::size_t size)
        : descriptor_(std::move(descriptor)), address_(address), size_(size) {}
    static off_t offset(std::size_t place) noexcept { return static_cast<off_t>(kHeaderBytes + place); }

    const FileDescriptor descriptor_;  // closed, it gives up the lock
    void* const address_;
    const std::size_t size_;
};

Result<std::unique_ptr<RedoLog::Mapping>> RedoLog::Mapping::make(const fs::path& path, const fs::path& outbox,
                                                                 std::size_t bytes) {
    struct statfs system {};
    if (statfs(path.parent_path().c_str(), &system) != 0) return cannot_be_had(path, "has no folder: " + reason(errno));
    if (system.f_type != TMPFS_MAGIC)
        return cannot_be_had(path, "is not on tmpfs: writing to it could wait for a disk");
    FileDescriptor descriptor(::open(path.parent_path().c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    if (!descriptor) return cannot_be_had(path, "cannot be made: " + reason(errno));
    auto mapping = make_in(std::move(descriptor), path, outbox, bytes);
    if (!mapping) return mapping;
    if (struct stat there{}; lstat(path.c_str(), &there) == 0 && S_ISREG(there.st_mode) && there.st_size == 0)
        unlink(path.c_str());
    const auto nameless = "/proc/self/fd/" + std::to_string((*mapping)->descriptor_.get());
    if (linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        return cannot_be_had(path, "cannot be made: " + reason(errno));
    }
    return mapping;
}

Result<std::unique_ptr<RedoLog::Mapping>> RedoLog::Mapping::make_in(FileDescriptor descriptor, const fs::path& path,
                                                                    const fs::path& outbox, std::size_t bytes) {
    const std::size_t size = kHeaderBytes + bytes;
    const auto resident = static_cast<off_t>(kHeaderBytes + std::min(bytes, kResidentBytes));
    int no_room = posix_fallocate(descriptor.get(), 0, resident);
    if (no_room == 0 && ftruncate(descriptor.get(), static_cast<off_t>(size)) != 0) no_room = errno;
    if (no_room == 0 && flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) no_room = errno;
    if (no_room != 0) return cannot_be_had(path, "finds no room: " + reason(no_room));
    auto mapping = of(std::move(descriptor), size, Access::write, path);
    if (!mapping) return mapping;
    Header& header = (*mapping)->header();
    header.magic = kMagic;
    header.version = kVersion;
    header.id = static_cast<std::int64_t>(SystemRandom().next() >> 1U);
    header.bytes = bytes;
    outbox.string().copy(header.outbox.data(), header.outbox.size() - 1);
    header.start = bytes;  // not 0: an empty place must not look like a record
    header.checksum = header.sum();
    return mapping;
}

Result<std::unique_ptr<RedoLog::Mapping>> RedoLog::Mapping::open(const fs::path& path, Access access) {
    const bool writes = access == Access::write;
    FileDescriptor descriptor(::open(path.c_str(), (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!descriptor && (errno == ENOENT || errno == ENOTDIR)) return std::unique_ptr<Mapping>();
    if (!descriptor) {
        return cannot_be_read(storage_errc::read_only, path, "cannot be opened: " + reason(errno));
    }
    struct stat status {};
    const bool is_regular = fstat(descriptor.get(), &status) == 0 && S_ISREG(status.st_mode);
    if (is_regular && status.st_size == 0) return std::unique_ptr<Mapping>();
    const Error wrong_file(errc::wrong_file, "Outbox.RedoLog names a file that is no redo log: " + path.string() +
                                                 "; name another, or move that one away");
    if (!is_regular) return wrong_file;
    auto mapping = of(std::move(descriptor), static_cast<std::size_t>(status.st_size), access, path);
    if (!mapping) return mapping;
    if (!(*mapping)->is_log()) return wrong_file;
    const int locked = (*mapping)->descriptor_.get();
    if (!(writes ? lock_patiently(locked) : flock(locked, LOCK_SH | LOCK_NB) == 0))
        return cannot_be_had(path, "is in use by another jiro-client");
    return mapping;
}

Result<std::unique_ptr<RedoLog>> RedoLog::open_any(const fs::path& path) {
    auto found = Mapping::open(path, Mapping::Access::write);
    if (!found) return found.error();
    if (!*found) return std::unique_ptr<RedoLog>();
    if ((*found)->is_newer()) {
        return cannot_be_read(storage_errc::newer_version, path,
                              "was written by a newer version of this program: run that one once");
    }
    if ((*found)->is_whole()) return std::unique_ptr<RedoLog>(new RedoLog(path, std::move(*found)));
    outbox_log.error("The redo log is damaged: set aside; the latest changes of commands may be lost",
                     {{"kept_as", set_aside(path, ".damaged")}});
    return std::unique_ptr<RedoLog>();
}

Result<std::unique_ptr<RedoLog>> RedoLog::find(const fs::path& path, std::int64_t id) {
    auto log = open_any(path);
    if (!log && log.error().code == errc::wrong_file) return std::unique_ptr<RedoLog>();
    if (!log) return as_ours(log.error(), path);
    if (*log && (*log)->id() != id) log->reset();
    return log;
}

Result<std::unique_ptr<RedoLog>> RedoLog::open(const fs::path& path, const fs::path& outbox, std::int64_t known,
                                               std::size_t bytes) {
    auto found = open_any(path);
    if (!found) return known != 0 ? as_ours(found.error(), path) : found.error();
    const auto owner = outbox.string().substr(0, std::tuple_size_v<decltype(Header::outbox)> - 1);
    if (*found) {
        RedoLog& log = **found;
        const bool is_of_this_path = log.outbox() == owner;
        if (known != 0 ? log.id() == known : is_of_this_path) {
            log.clear_unused();
            return found;
        }
        if (log.start() != log.end() && !is_of_this_path) {
            return cannot_be_had(path, "holds changes of another outbox, " + log.outbox() +
                                           ": start the daemon once with that as Outbox.Path");
        }
        if (log.start() != log.end()) {
            outbox_log.error("A redo log that the outbox had given up: set aside; what it holds is too old to be done",
                             {{"kept_as", set_aside(path, ".old")}});
        } else {
            log.remove();
        }
    }
    if (bytes == 0) return std::unique_ptr<RedoLog>();
    auto made = Mapping::make(path, owner, aligned(bytes));
    if (!made) return made.error();
    return std::unique_ptr<RedoLog>(new RedoLog(path, std::move(*made)));
}

Result<std::unique_ptr<RedoLog>> RedoLog::make_unnamed(std::size_t bytes) {
    const fs::path path = "in memory";
    FileDescriptor descriptor(memfd_create("jiro-redo", MFD_CLOEXEC));
    if (!descriptor) return cannot_be_had(path, "cannot be made: " + reason(errno));
    auto made = Mapping::make_in(std::move(descriptor), path, {}, aligned(bytes));
    if (!made) return made.error();
    return std::unique_ptr<RedoLog>(new RedoLog({}, std::move(*made)));
}

RedoLog::RedoLog(fs::path path, std::unique_ptr<Mapping> mapping)
    : path_(std::move(path)), mapping_(std::move(mapping)), bytes_(mapping_->header().bytes) {
    begin();
}

void RedoLog::begin() noexcept {
    find_end();
    provided_ = 0;
    given_back_ = end_.load();  // whatever lies behind the end, nobody knows of memory there
    free_until_ = start();
}

RedoLog::~RedoLog() = default;

RedoLog::Position RedoLog::start() const noexcept { return mapping_->header().start.load(std::memory_order_acquire); }

std::int64_t RedoLog::id() const noexcept { return mapping_->header().id; }

std::string RedoLog::outbox() const { return mapping_->header().outbox.data(); }

char* RedoLog::place(Position position) const noexcept { return mapping_->records() + position % bytes_; }

std::size_t RedoLog::left_before_wrap(Position position) const noexcept { return bytes_ - position % bytes_; }

bool RedoLog::append(const RedoRecord& record) noexcept {
    if (is_busy_.test_and_set(std::memory_order_acquire)) return false;
    const bool is_done = append_alone(record);
    is_busy_.clear(std::memory_order_release);
    return is_done;
}

bool RedoLog::append_alone(const RedoRecord& record) noexcept {
    const std::size_t size = encoded_size(record);
    if (size > kMaxRecordBytes) return false;
    Position position = end();
    const std::size_t needed = aligned(sizeof(RecordHeader) + size);
    const std::size_t left = left_before_wrap(position);
    const std::size_t padding = needed > left ? left : 0;
    if (position + padding + needed > limit()) return false;
    if (!provide(position + padding + needed)) return false;
    if (padding > 0) {
        const auto rest = static_cast<std::uint32_t>(padding - sizeof(RecordHeader));
        commit(position, rest | kPadding, RecordHeader::sum(position, {}));
        position += padding;
    }
    char* const target = place(position) + sizeof(RecordHeader);
    encode(record, target);
    JIRO_FAILPOINT("c11_half_a_redo_record");
    commit(position, static_cast<std::uint32_t>(size), RecordHeader::sum(position, {target, size}));
    end_.store(position + needed);
    return true;
}

// Where append() must end: a page before what is not free yet comes round again.
RedoLog::Position RedoLog::limit() const noexcept {
    return free_until_.load(std::memory_order_acquire) + bytes_ - (bytes_ > kResidentBytes ? kPageBytes : 0);
}

// Memory behind the resident part. What forget() gave back, it gave back before append() may go there.
bool RedoLog::provide(Position until) noexcept {
    provided_ = std::max(provided_, end());
    while (provided_ < until) {
        const std::size_t place = provided_ % bytes_;
        std::size_t length = std::min<std::size_t>(kResidentBytes, bytes_) - std::min(place, kResidentBytes);
        if (length == 0 && provided_ >= given_back_.load(std::memory_order_acquire) + bytes_) {
            length = std::min<std::size_t>(until - provided_, bytes_ - place);  // it is still there
        } else if (length == 0) {
            length = std::max<std::size_t>(until - provided_, kProvidedAtOnce);
            length = std::min<std::size_t>({length, bytes_ - place, limit() - provided_});
            if (!mapping_->provide(place, length)) return false;
        }
        provided_ += length;
    }
    return true;
}

void RedoLog::commit(Position position, std::uint32_t size, std::uint32_t checksum) noexcept {
    auto& header = *reinterpret_cast<RecordHeader*>(place(position));
    header.size = size;
    header.checksum = checksum;
    std::atomic_ref(header.position).store(position, std::memory_order_release);
}

bool RedoLog::is_record(Position position) const noexcept {
    if (!mapping_->is_there(position % bytes_)) return false;
    const auto& header = *reinterpret_cast<const RecordHeader*>(place(position));
    const std::size_t size = header.size & ~kPadding;
    if (header.position != position || size > left_before_wrap(position) - sizeof(RecordHeader)) return false;
    const std::size_t summed = (header.size & kPadding) != 0 ? 0 : size;
    if (!mapping_->is_there(position % bytes_ + sizeof(RecordHeader) + summed - 1)) return false;
    return header.checksum == RecordHeader::sum(position, {place(position) + sizeof(RecordHeader), summed});
}

void RedoLog::find_end() noexcept {
    const Position begin = start();
    Position end = begin;
    while (end - begin < bytes_ && is_record(end)) {
        Position next = end;
        (void)read(next);
        if (next - begin > bytes_) break;  // it would lie over the first
        end = next;
    }
    end_ = end;
    // Of a torn one the position was not written yet.
    if (end - begin < bytes_ && mapping_->is_there(end % bytes_) &&
        reinterpret_cast<const RecordHeader*>(place(end))->position == end) {
        outbox_log.error("A record of the redo log is damaged: what follows it is lost", {{"path", path_.string()}});
    }
}

void RedoLog::clear_unused() noexcept {
    clear(end(), start() + bytes_);
    mapping_->give_back();
}

void RedoLog::clear(Position begin, Position end) noexcept {
    while (begin < end) {
        const std::size_t from = begin % bytes_;
        const std::size_t until = from + std::min<std::size_t>(end - begin, bytes_ - from);
        const std::size_t resident = std::clamp(kResidentBytes, from, until);
        std::memset(mapping_->records() + from, 0, resident - from);
        mapping_->release(resident, until);
        begin += until - from;
    }
}

std::optional<RedoRecord> RedoLog::read(Position& at) const noexcept {
    const auto& header = *reinterpret_cast<const RecordHeader*>(place(at));
    const std::size_t size = header.size & ~kPadding;
    const std::string_view record(place(at) + sizeof(RecordHeader), size);
    const bool is_padding = (header.size & kPadding) != 0;
    at += aligned(sizeof(RecordHeader) + size);
    if (is_padding) return std::nullopt;
    return decode(record);
}

// The file's start moves first: a process that is killed before the memory is given back leaves the next one a log that
// begins with a record. The page where the old start lies goes as well: what is before it there is forgotten, and
// append() keeps away from it.
void RedoLog::forget(Position until, Memory memory) noexcept {
    const Position begin = start();
    mapping_->header().start.store(until, std::memory_order_release);
    if (memory == Memory::give_back) {
        release(begin, until);
        JIRO_FAILPOINT("c13_memory_given_back");
        given_back_.store(until, std::memory_order_release);
    }
    free_until_.store(until, std::memory_order_release);
}

void RedoLog::release(Position begin, Position end) noexcept {
    while (begin < end) {
        const std::size_t from = begin % bytes_;
        const std::size_t length = std::min<std::size_t>(end - begin, bytes_ - from);
        mapping_->release(std::max(kResidentBytes, page_of(from)), page_of(from + length));
        begin += length;
    }
}

void RedoLog::give_memory_back() noexcept {
    if (is_busy_.test_and_set(std::memory_order_acquire)) return;
    const std::size_t place = end() % bytes_;
    const std::size_t next_page = std::min<std::size_t>(page_of(place + kPageBytes - 1), bytes_);
    release(end() + (next_page - place), limit());
    provided_ = end();
    given_back_.store(end(), std::memory_order_release);
    is_busy_.clear(std::memory_order_release);
}

bool RedoLog::is_in_place() const noexcept { return mapping_->is_at(path_); }

void RedoLog::hold() noexcept {
    while (is_busy_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
}

Result<> RedoLog::make_anew() {
    auto made = Mapping::make(path_, outbox(), bytes_);
    if (!made) return made.error();
    mapping_ = std::move(*made);
    begin();
    return {};
}

void RedoLog::remove() noexcept {
    if (is_in_place()) unlink(path_.c_str());
}

Result<> RedoLog::look_at(const fs::path& path) {
    const auto found = Mapping::open(path, Mapping::Access::read);
    if (!found && found.error().code == errc::wrong_file) return found.error();
    return {};
}

std::size_t RedoLog::count_records(const fs::path& path) {
    auto found = Mapping::open(path, Mapping::Access::read);
    if (!found || !*found) return 0;
    if (!(*found)->is_whole()) return 0;
    const RedoLog log(path, std::move(*found));
    std::size_t records = 0;
    for (Position at = log.start(); at < log.end();) records += log.read(at) ? 1 : 0;
    return records;
}

}  // namespace jiro::delivery
