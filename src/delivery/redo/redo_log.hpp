// SPDX-License-Identifier: MIT
#pragma once
// The redo log: the latest changes of the outbox, in memory that outlives the process (a mapped file on tmpfs). What is
// appended here survives kill -9 at once, without a disk or another thread; the storage thread redoes it in the
// database some milliseconds later, many changes in one transaction, and forgets it here. After a crash the next start
// begins with what is left. A reboot empties tmpfs: whoever stops in good order has nothing left in it.
//
// One thread appends (the event loop), one reads and forgets (the storage thread); neither waits for the other. A long
// text is copied here once; the memory for it is taken for that time.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "delivery/redo/redo_record.hpp"
#include "jiro/base/error.hpp"

namespace jiro::delivery {

class RedoLog {
  public:
    // Of a record in the log: bytes since the log was made. It never goes back.
    using Position = std::uint64_t;

    static constexpr std::size_t kBytes = 32 * 1024 * 1024;  // room for records
    // Of which so much is always there. What is behind it takes memory only while records lie in it.
    static constexpr std::size_t kResidentBytes = 2 * 1024 * 1024;
    static constexpr std::size_t kMaxRecordBytes = 2 * 1024 * 1024;
    static constexpr std::size_t kLeastReceiptBytes = 80;  // what the smallest one of a new row takes

    // Opens the log of this outbox, or makes an empty one (`bytes` 0: none, it gives null). `known` is the id of the
    // log that the database knows as its own; 0: none, then a log that was made for a database of this path is.
    // errc::redo_log: it cannot be had (no tmpfs, no room, another outbox's, in use), errc::wrong_file: a file that is
    // none is there, and stays as it is: the outbox goes on without. Any other error: there may be changes in it that
    // belong into the database, but they cannot be read (storage_errc::newer_version, storage_errc::read_only,
    // storage_errc::io).
    [[nodiscard]] static Result<std::unique_ptr<RedoLog>> open(const std::filesystem::path& path,
                                                               const std::filesystem::path& outbox, std::int64_t known,
                                                               std::size_t bytes = kBytes);
    // One that ends with the process, for an outbox that does.
    [[nodiscard]] static Result<std::unique_ptr<RedoLog>> make_unnamed(std::size_t bytes);
    // The log with this id, to be read to its end; null: it is not there. Errors as above, but never errc::redo_log.
    [[nodiscard]] static Result<std::unique_ptr<RedoLog>> find(const std::filesystem::path& path, std::int64_t id);
    // errc::wrong_file, as open() would say it. Changes nothing.
    [[nodiscard]] static Result<> look_at(const std::filesystem::path& path);
    // How many changes a log holds that no process has open; 0 when there is none, or it cannot be read. Changes
    // nothing.
    [[nodiscard]] static std::size_t count_records(const std::filesystem::path& path);

    ~RedoLog();
    RedoLog(const RedoLog&) = delete;
    RedoLog& operator=(const RedoLog&) = delete;

    // The appending thread. False: too long, or no room now.
    [[nodiscard]] bool append(const RedoRecord& record) noexcept;
    // Since `looked`, or all together: time for the reading thread to look.
    [[nodiscard]] bool holds_much(Position looked) const noexcept {
        const Position begin = free_until_.load(std::memory_order_acquire);
        return end() - std::max(begin, looked) > bytes_ / 4 || end() - begin > bytes_ / 4 * 3;
    }

    // The reading thread. A reader that begins at start() and goes on to end() meets whole records only.
    [[nodiscard]] Position start() const noexcept;
    [[nodiscard]] Position end() const noexcept { return end_.load(); }
    // The record at `at`, which is before end(); moves `at` behind it. nullopt: there is none (padding, or one that
    // this program does not know).
    [[nodiscard]] std::optional<RedoRecord> read(Position& at) const noexcept;
    // Calls visit(position, record) for each record before `end`.
    template <typename Visit>
    void each(Position end, Visit&& visit) const {
        // Then whoever waits for this processor has it. (The reader of one without a name is the event loop.)
        constexpr std::size_t kAtATime = 64;
        std::size_t count = 0;
        for (Position at = start(); at < end;) {
            if (count++ % kAtATime == 0 && !path_.empty()) std::this_thread::yield();
            const Position position = at;
            if (auto record = read(at)) visit(position, *record);
        }
    }
    enum class Memory { give_back, keep };
    void forget(Position until, Memory memory = Memory::give_back) noexcept;  // everything before it
    // All that holds no record. For when nothing was appended for a while; what is appended meanwhile finds no room.
    void give_memory_back() noexcept;
    void remove() noexcept;  // the file, at a stop in good order
    // The file was not removed, nor another put in its place. Else: nothing is appended from hold() to go_on(), and
    // when nothing is left in it, make_anew() makes an empty log of the same name (errors as of open(): it is as it
    // was).
    [[nodiscard]] bool is_in_place() const noexcept;
    void hold() noexcept;
    [[nodiscard]] Result<> make_anew();
    void go_on() noexcept { is_busy_.clear(std::memory_order_release); }

    // Chosen when the log was made: tells its positions from those of another.
    [[nodiscard]] std::int64_t id() const noexcept;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  private:
    struct Header;
    struct RecordHeader;
    class Mapping;

    RedoLog(std::filesystem::path path, std::unique_ptr<Mapping> mapping);
    // Whatever whole log is there; null: none. One that is not whole is set aside.
    static Result<std::unique_ptr<RedoLog>> open_any(const std::filesystem::path& path);
    [[nodiscard]] std::string outbox() const;  // the path of the database that it was made for

    [[nodiscard]] char* place(Position position) const noexcept;
    [[nodiscard]] bool is_record(Position position) const noexcept;
    [[nodiscard]] std::size_t left_before_wrap(Position position) const noexcept;
    [[nodiscard]] Position limit() const noexcept;
    [[nodiscard]] bool append_alone(const RedoRecord& record) noexcept;
    [[nodiscard]] bool provide(Position until) noexcept;
    void release(Position begin, Position end) noexcept;
    void commit(Position position, std::uint32_t size, std::uint32_t checksum) noexcept;
    void begin() noexcept;  // with the mapping as it is
    void find_end() noexcept;
    // Records that a damaged one cut off must not come back when the place before them is written again.
    void clear_unused() noexcept;
    void clear(Position begin, Position end) noexcept;

    const std::filesystem::path path_;
    std::unique_ptr<Mapping> mapping_;  // the appending thread's only within append()
    const std::size_t bytes_;
    std::atomic<Position> end_{0};
    std::atomic<Position> free_until_{0};  // what append() may write over; follows start()
    Position provided_ = 0;                // up to it there is memory behind the resident part; the appending thread's
    // Memory of what lies before was given back; what lies from here on to provided_ is there, and stays for what comes
    // to the same place in the next round.
    std::atomic<Position> given_back_{0};
    std::atomic_flag is_busy_;  // with append(), or with giving memory back
};

}  // namespace jiro::delivery
