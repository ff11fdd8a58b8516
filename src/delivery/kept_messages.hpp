// SPDX-License-Identifier: MIT
#pragma once
// The messages of delivered results, so that a command that comes again gets its outcome again: a ring in a file of its
// own beside the outbox (<outbox>.kept), where the newest take the place of the oldest. They are written once, in one
// call for many, while a blob in the database is written to its log, copied from there, and cut out again page by page.
// Nothing in it is a promise: a row of the database says where its message lies, and a sum whether it still lies there.
// Used on the storage thread.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/file_descriptor.hpp"

namespace jiro::delivery {

class KeptMessages {
  public:
    using Position = std::uint64_t;  // bytes that were ever written; the place in the file is its rest

    // `bytes`: at most so many are kept. The file is made with the first message.
    KeptMessages(std::filesystem::path path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

    // Where the next message goes: what the database noted with the last ones.
    void start_at(Position end) noexcept { end_ = end; }
    [[nodiscard]] Position end() const noexcept { return end_; }

    [[nodiscard]] bool has_room_for(std::size_t bytes) const noexcept { return bytes > 0 && bytes <= bytes_ / 4; }

    // Writes messages that there is room for, one behind the other: their positions, in the same order. None when the
    // disk refuses them, which is logged once.
    [[nodiscard]] std::vector<Position> keep(const std::vector<std::string_view>& messages);

    // The bytes at a position, which may be another message's by now; nullopt: they cannot be read.
    [[nodiscard]] std::optional<std::string> read(Position position, std::size_t bytes) const;

    // Copies them into a new file when theirs was removed, or another put in its place.
    void come_back() noexcept;

    // Gives the disk space of everything before `until` back, as far as it was not given back before.
    void forget(Position until) noexcept;

  private:
    [[nodiscard]] bool open() const noexcept;
    [[nodiscard]] bool write(Position position, std::string_view stretch) const;

    const std::filesystem::path path_;
    const std::uint64_t bytes_;
    mutable FileDescriptor descriptor_;
    Position end_ = 0;
    Position forgotten_until_ = 0;
    bool has_failed_ = false;
};

}  // namespace jiro::delivery
