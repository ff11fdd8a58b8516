// SPDX-License-Identifier: MIT
#pragma once
// What lies beside the database: the lock that keeps a second daemon out, the ballast that a full disk gives back, and
// the names under which damaged files are kept. Used on the storage thread (the lock is taken before it starts).

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "jiro/base/database_file.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::delivery {

class OutboxFiles {
  public:
    explicit OutboxFiles(const OutboxSettings& settings);
    // The database is in memory: nothing lies beside it.
    [[nodiscard]] bool are_none() const noexcept { return path_ == kInMemory; }
    OutboxFiles(const OutboxFiles&) = delete;
    OutboxFiles& operator=(const OutboxFiles&) = delete;

    // Creates the directory (0700) and the lock as far as they are missing, and takes the lock. errc::in_use: another
    // process has it. errc::wrong_file: another program's file is in the place of the database.
    [[nodiscard]] Result<> take_place();
    // The lock, and under its name.
    [[nodiscard]] bool has_lock() const;
    // take_place(), and an empty database (0600) where there is none.
    [[nodiscard]] Result<> prepare();
    // The damaged file whose place was taken by what a crash had left whole; once, after prepare().
    [[nodiscard]] std::optional<std::filesystem::path> take_replaced() {
        return std::exchange(replaced_, std::nullopt);
    }

    [[nodiscard]] const DatabaseFile& database() const noexcept { return database_; }

    // Bytes allocated and kept, so that there is something to give back when the disk is full. True: it is there.
    bool make_ballast();
    void look_for_ballast();  // it may have been removed
    void drop_ballast();
    [[nodiscard]] bool has_ballast() const noexcept { return has_ballast_; }

    // Why the file system has too little room for new commands; nullopt: it has enough.
    [[nodiscard]] std::optional<std::string> lacks_space(std::uint64_t wanted) const;

    // After database().end_rebuilt(): the new file takes the place of what is there, which is kept with its WAL as
    // <path>.corrupt-<time>: that name is given back. What a crash left of this is finished, or begun anew, by
    // prepare().
    [[nodiscard]] Result<std::filesystem::path> finish_replacing() const;

  private:
    const std::filesystem::path path_;
    const DatabaseFile database_;
    const std::uint64_t ballast_bytes_;
    FileDescriptor lock_;
    std::optional<std::filesystem::path> replaced_;
    bool has_ballast_ = false;
};

}  // namespace jiro::delivery
