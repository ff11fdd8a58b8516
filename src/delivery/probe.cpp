#include "jiro/delivery/probe.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "delivery/outbox_store.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

namespace fs = std::filesystem;

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)>;
using Query = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

errc code_of(int result) {
    switch (result & 0xFF) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_ERROR:  // a table or a column that should be there is not
            return errc::storage_corrupt;
        case SQLITE_PERM:
        case SQLITE_READONLY:
            return errc::storage_read_only;
        default:
            return errc::storage_io;
    }
}

// Read-only and immutable: no lock, no log, no shared memory. Nothing else may write meanwhile.
Result<Database> open_read_only(const fs::path& path) {
    // In a SQLite URI these three have a meaning.
    std::string uri = "file:";
    for (const char c : fs::absolute(path).string()) {
        if (c == '%' || c == '?' || c == '#') {
            constexpr std::string_view kHex = "0123456789ABCDEF";
            uri += {'%', kHex[static_cast<unsigned char>(c) >> 4U], kHex[static_cast<unsigned char>(c) & 15U]};
        } else {
            uri += c;
        }
    }
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2((uri + "?immutable=1").c_str(), &opened,
                                       SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(opened, sqlite3_close_v2);
    if (result != SQLITE_OK) return Error(code_of(result), path.string() + ": " + sqlite3_errstr(result));
    return database;
}

Result<std::int64_t> number(sqlite3* database, const char* sql) {
    sqlite3_stmt* prepared = nullptr;
    const int result = sqlite3_prepare_v2(database, sql, -1, &prepared, nullptr);
    const Query query(prepared, sqlite3_finalize);
    if (result != SQLITE_OK) return Error(code_of(result), sqlite3_errmsg(database));
    const int stepped = sqlite3_step(query.get());
    if (stepped == SQLITE_DONE) return std::int64_t{0};
    if (stepped != SQLITE_ROW) return Error(code_of(stepped), sqlite3_errmsg(database));
    return sqlite3_column_int64(query.get(), 0);
}

}  // namespace

Result<OutboxProbe> probe_outbox(const fs::path& path) {
    if (access(path.c_str(), R_OK) != 0) {
        const int reason = errno;
        return Error(reason == EACCES ? errc::storage_read_only : errc::storage_io,
                     path.string() + " cannot be read: " + std::generic_category().message(reason));
    }
    OutboxProbe probe;
    std::error_code error;
    const auto log_size = fs::file_size(path.string() + "-wal", error);
    probe.has_log = !error && log_size > 0;
    if (fs::file_size(path, error) == 0 && !error) return probe;

    const auto database = open_read_only(path);
    if (!database) return database.error();
    const auto application = number(database->get(), "PRAGMA application_id");
    if (!application) return application.error().with_prefix(path.string());
    const auto schema = number(database->get(), "PRAGMA user_version");
    if (!schema) return schema.error().with_prefix(path.string());
    if (*application == 0 && *schema == 0 && probe.has_log) return probe;  // all of it is still in the log
    if (*application != kApplicationId) return Error(errc::storage_corrupt, path.string() + " is not an outbox");
    probe.schema = *schema;
    if (*schema > kSchemaVersion) {
        return Error(errc::newer_schema, path.string() + " was written by a newer version of jiro-client (schema " +
                                             std::to_string(*schema) + ", this one knows " +
                                             std::to_string(kSchemaVersion) + ")");
    }
    struct Count {
        std::uint64_t& value;
        const char* sql;
    };
    for (const auto& [value, sql] :
         {Count{probe.undelivered, "SELECT count(*) FROM commands WHERE state = 'done'"},
          Count{probe.unfinished, "SELECT count(*) FROM commands WHERE state IN ('received', 'running')"},
          Count{probe.dead_letters, "SELECT count(*) FROM commands WHERE state = 'dead'"}}) {
        const auto count = number(database->get(), sql);
        if (!count) return count.error().with_prefix(path.string());
        value = static_cast<std::uint64_t>(*count);
    }
    return probe;
}

Result<bool> is_in_use(const fs::path& path) {
    const auto lock = path.string() + ".lock";
    const int descriptor = open(lock.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return false;
        const int reason = errno;
        return Error(errc::storage_read_only, lock + " cannot be opened: " + std::generic_category().message(reason));
    }
    // Shared, for a moment, and given back by closing.
    const bool is_free = flock(descriptor, LOCK_SH | LOCK_NB) == 0;
    close(descriptor);
    return !is_free;
}

}  // namespace jiro::delivery
