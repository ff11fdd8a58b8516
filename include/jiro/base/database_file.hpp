// SPDX-License-Identifier: MIT
#pragma once
// The file of a database: how it is made, and how a damaged one is replaced. The damaged one is evidence: it is kept
// beside, and what can be read of it goes into a new file, which takes its place only when it is whole; whoever is
// killed before, or finds no room, begins anew. Everything blocks: for the thread that has the database.
//
//     begin_rebuilt()     an empty <path>.rebuilding, to be filled, checkpointed and closed
//     end_rebuilt()       now it is <path>.rebuilt: the name says that it is whole
//     move_aside()        the damaged one and its WAL are <path>.corrupt-<time>
//     put_in_place()      <path>.rebuilt is <path>
//
// At the next opening has_rebuilt() tells that a process died between the second step and the last: they are done then.
//
// A log (SQLite's WAL) that was damaged is mended before the database is opened, since SQLite says nothing of it, reads
// what is before the damage, and writes over the rest (base/wal.hpp).

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "jiro/base/error.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/storage_error.hpp"

namespace jiro {

// Opens what must not be lost, to be read and written; makes it, 0600, where it is missing. No symbolic link is
// followed.
[[nodiscard]] Result<FileDescriptor> open_private_file(const std::filesystem::path& path);

// "cannot open /var/lib/x: No space left on device", with the name for `number` and what the operator can do.
[[nodiscard]] Error file_error(const std::string& what, const std::filesystem::path& path, int number);

// What is on the disk when the machine loses its power: every commit (synchronous=FULL), or what a checkpoint wrote.
enum class Flushed { commits, checkpoints };

struct MendedLog {
    enum class Harm { none, some, emptied };
    std::filesystem::path kept_as;  // the log as it was
    Harm harm = Harm::none;

    // "its log was damaged: ..."
    [[nodiscard]] std::string told() const;
};

class DatabaseFile {
  public:
    explicit DatabaseFile(std::filesystem::path path) : path_(std::move(path)) {}

    // Another program's file is there: neither does its header say `application_id` (SQLite's), nor can it be one of
    // ours that is damaged or still empty, nor does anything lie beside it that this program alone makes. Changes
    // nothing.
    [[nodiscard]] bool is_foreign(std::uint32_t application_id) const;
    // Makes an empty one where there is none; 0600 in any case. Fails where its name or its log's is something else's.
    [[nodiscard]] Result<> make() const;
    // It is there, without a byte in it.
    [[nodiscard]] bool is_empty() const;

    // Before it is opened; not while somebody has it open. nullopt: there is nothing to mend.
    [[nodiscard]] Result<std::optional<MendedLog>> mend_log(Flushed flushed) const;
    // Something was lost in mending, since settle().
    [[nodiscard]] bool is_doubtful() const;
    void settle() const;

    // Both of them storage_errc::busy: somebody has open what they are to replace.
    [[nodiscard]] Result<std::filesystem::path> begin_rebuilt() const;
    [[nodiscard]] Result<std::filesystem::path> move_aside() const;
    [[nodiscard]] Result<> end_rebuilt() const;
    [[nodiscard]] bool has_rebuilt() const;
    // What was begun or ended and is not in place; for who goes on without it, as it is older from then on.
    void drop_rebuilt() const;
    [[nodiscard]] Result<> put_in_place() const;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    [[nodiscard]] Result<> must_be_free() const;
    [[nodiscard]] Result<std::filesystem::path> free_name() const;

    std::filesystem::path path_;
};

}  // namespace jiro
