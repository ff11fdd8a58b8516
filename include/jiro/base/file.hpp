// SPDX-License-Identifier: MIT
#pragma once
// Small files: those that an operator names (configuration, tokens, keys, certificates), and our own beside the outbox.
// The one way in which they are read and written.
// Blocks for as long as the file's mount does: the daemon calls it on other threads than the event loop's
// (outside_calls.hpp).

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/base/file_descriptor.hpp"

namespace jiro {

struct FileContent {
    std::string text;
    bool is_world_readable = false;
    bool is_writable_by_others = false;  // than its owner: by its group or by everybody
    unsigned owner = 0;                  // user id
};

// Fails on what is missing, unreadable, no regular file (a named pipe does not hold it up), or larger than `limit`
// bytes. The message does not name the file.
[[nodiscard]] Result<FileContent> read_small_file(const std::filesystem::path& path, std::size_t limit);

// "is a directory, not a file"; empty: it is a regular file.
[[nodiscard]] std::string_view what_else(mode_t mode) noexcept;

// Whole or not at all, whatever ends in between, and on the disk when it returns. Mode 0600. Until it is whole it has
// a name of its own beside that.
inline constexpr const char* kSuffixWhileWritten = ".new";
[[nodiscard]] Result<> write_small_file(const std::filesystem::path& path, std::string_view text);

// The folder that it is in: what was made or renamed there stays so through a power cut.
[[nodiscard]] Result<> sync_folder_of(const std::filesystem::path& path);

// All of it to a descriptor that blocks. False: errno says why not.
[[nodiscard]] bool write_all(int file, std::string_view text);

// What errno says of the last call: "cannot be opened: No such file or directory".
[[nodiscard]] Error system_failure(std::string_view doing);

// Whether the name is still that of the file that is open: it was not removed, nor another put in its place.
[[nodiscard]] bool is_at(int file, const std::filesystem::path& path) noexcept;

// To know a file by, with is_at(): it cannot be read by that, so closing it gives up no lock. None: errno says why.
[[nodiscard]] FileDescriptor mark_of(const std::filesystem::path& path) noexcept;

// Also when it is not there.
[[nodiscard]] Result<> remove_file(const std::filesystem::path& path);

}  // namespace jiro
