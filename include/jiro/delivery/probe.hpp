// SPDX-License-Identifier: MIT
#pragma once
// Looks into the outbox of a daemon that does not run, for `jiro-client doctor`: changes nothing, not even the files
// that SQLite keeps beside a database. Blocking; for the command line, not for the event loop.

#include <cstdint>
#include <filesystem>

#include "jiro/base/error.hpp"

namespace jiro::delivery {

struct OutboxProbe {
    std::int64_t schema = 0;  // 0: the file is still empty
    std::uint64_t undelivered = 0;
    std::uint64_t unfinished = 0;  // received or running when the daemon ended
    std::uint64_t dead_letters = 0;
    // SQLite's log or the redo log holds changes, which the daemon takes in at its next start: the figures are those
    // before.
    bool has_log = false;
};

// What Outbox.Path or Outbox.RedoLog names is another program's file, as the daemon says it at its start
// (errc::wrong_file).
[[nodiscard]] Result<> look_at_outbox_file(const std::filesystem::path& path);
[[nodiscard]] Result<> look_at_redo_log_file(const std::filesystem::path& path);

// Errors: errc::wrong_file; storage_errc: corrupt, newer_version, read_only (no permission), io.
[[nodiscard]] Result<OutboxProbe> probe_outbox(const std::filesystem::path& path);

// Whether another process has this outbox open. False also when there is no outbox.
[[nodiscard]] Result<bool> is_in_use(const std::filesystem::path& path);

}  // namespace jiro::delivery
