// SPDX-License-Identifier: MIT
#include "jiro/delivery/probe.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "delivery/outbox_store.hpp"
#include "jiro/base/database_file.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

namespace fs = std::filesystem;

OutboxProbe look_into(Database& database, bool has_wal) {
    OutboxProbe probe;
    probe.has_log = has_wal;
    const auto application = database.integer("PRAGMA application_id");
    const auto schema = database.integer("PRAGMA user_version");
    if (application == 0 && schema == 0 && has_wal) return probe;  // all of it is still in SQLite's log
    if (application != kApplicationId) throw StorageError(storage_errc::corrupt, "this is not an outbox");
    if (schema > kSchemaVersion) {
        throw StorageError(storage_errc::newer_version, "it was written by a newer version of jiro-client (schema " +
                                                            std::to_string(schema) + ", this one knows " +
                                                            std::to_string(kSchemaVersion) + ")");
    }
    const auto count = [&database](const char* states) {
        const auto sql = std::string("SELECT count(*) FROM commands WHERE state IN ") + states;
        return static_cast<std::uint64_t>(database.integer(sql));
    };
    if (const fs::path redo_log = database.text(kRedoLogPath); !redo_log.empty()) {
        probe.has_log = has_wal || RedoLog::count_records(redo_log) > 0;
    }
    probe.schema = schema;
    probe.undelivered = count("('done')");
    probe.unfinished = count("('received', 'running')");
    probe.dead_letters = count("('dead')");
    return probe;
}

}  // namespace

Result<> look_at_outbox_file(const fs::path& path) {
    if (!DatabaseFile(path).is_foreign(kApplicationId)) return {};
    return Error(errc::wrong_file, "Outbox.Path names a file that is no outbox: " + path.string() +
                                       "; name another, or move that one away");
}

Result<> look_at_redo_log_file(const fs::path& path) { return RedoLog::look_at(path); }

Result<OutboxProbe> probe_outbox(const fs::path& path) {
    if (auto ours = look_at_outbox_file(path); !ours) return ours.error();
    if (access(path.c_str(), R_OK) != 0) {
        const int reason = errno;
        return Error(reason == EACCES ? storage_errc::read_only : storage_errc::io,
                     path.string() + " cannot be read: " + std::generic_category().message(reason));
    }
    std::error_code error;
    const auto log_size = fs::file_size(path.string() + "-wal", error);
    const bool has_wal = !error && log_size > 0;
    if (fs::file_size(path, error) == 0 && !error) return OutboxProbe{.has_log = has_wal};
    try {
        Database database(path.string(), Database::Mode::immutable);
        return look_into(database, has_wal);
    } catch (const StorageError& failure) {
        // What is asked here is in every outbox.
        const auto code = failure.code == storage_errc::statement_failed ? storage_errc::corrupt : failure.code;
        return Error(code, failure.what()).with_prefix(path.string());
    }
}

Result<bool> is_in_use(const fs::path& path) {
    const auto lock = path.string() + ".lock";
    const FileDescriptor descriptor(open(lock.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!descriptor) {
        if (errno == ENOENT || errno == ENOTDIR) return false;
        const int reason = errno;
        return Error(storage_errc::read_only, lock + " cannot be opened: " + std::generic_category().message(reason));
    }
    // Shared, for a moment, and given back by closing; a daemon that starts now tries again.
    return flock(descriptor.get(), LOCK_SH | LOCK_NB) != 0;
}

}  // namespace jiro::delivery
