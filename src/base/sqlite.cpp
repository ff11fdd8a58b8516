// SPDX-License-Identifier: MIT
#include "jiro/base/sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "jiro/base/file.hpp"
#include "jiro/base/url.hpp"

namespace jiro {

namespace {

// SQLite tells a full disk by ENOSPC alone; what a quota refuses is an error of writing to it, and its errno, which
// sqlite3_system_errno loses while tidying up, stands with the file. It stays there after later successes, so any other
// number beside it means another failure.
bool is_over_quota(sqlite3* database) {
    bool is_over = false;
    for (const int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
        sqlite3_file* file = nullptr;
        int number = 0;
        if (sqlite3_file_control(database, "main", which, &file) != SQLITE_OK) continue;
        if (file == nullptr || file->pMethods == nullptr) continue;
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
        if (number != 0 && number != EDQUOT) return false;
        is_over = is_over || number == EDQUOT;
    }
    return is_over;
}

storage_errc code_of(sqlite3* database, int result) {
    const int system = database == nullptr ? 0 : sqlite3_system_errno(database);
    switch (result & 0xFF) {
        case SQLITE_FULL:
            return storage_errc::full;
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return storage_errc::read_only;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return storage_errc::corrupt;
        case SQLITE_CONSTRAINT:  // ours are checked before: an index and its table disagree, or we are wrong
        case SQLITE_MISMATCH:
        case SQLITE_ERROR:  // "no such table", "malformed database schema", or a mistake in a statement
            return storage_errc::statement_failed;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return storage_errc::busy;
        default:
            break;
    }
    // Whatever the number is: what could not be flushed must be written again, room or not.
    if (result == SQLITE_IOERR_FSYNC || result == SQLITE_IOERR_DIR_FSYNC) return storage_errc::io;
    // A COMMIT that fails leaves the number of an earlier failure in sqlite3_system_errno.
    if (result == SQLITE_IOERR_WRITE) return is_over_quota(database) ? storage_errc::full : storage_errc::io;
    return storage_errc_of(system);
}

void check(sqlite3* database, int result) {
    if (result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE) return;
    std::string text = database == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(database);
    throw StorageError(code_of(database, result), text + " (SQLite " + std::to_string(result) + ")");
}

// there_or_gone: for what was just opened.
FileDescriptor there_or_gone(FileDescriptor file) {
    if (!file && errno != ENOENT) throw StorageError(storage_errc_of(errno), "its files cannot be looked at");
    return file;
}

std::string immutable_uri(const std::string& path) {
    return "file:" + percent_encode(std::filesystem::absolute(path).string(), "-._~/") + "?immutable=1";
}

}  // namespace

Statement::Statement(sqlite3* database, const char* sql) : database_(database) {
    check(database, sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

bool Statement::step() {
    const int result = sqlite3_step(statement_);
    check(database_, result);
    return result == SQLITE_ROW;
}

void Statement::run() {
    const Cursor cursor(*this);
    while (step()) {
    }
}

void Statement::reset() noexcept {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::text(int column) const { return std::string(bytes(column)); }

std::string_view Statement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    if (data == nullptr || size <= 0) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

void Statement::bind_one(int index, std::int64_t value) {
    check(database_, sqlite3_bind_int64(statement_, index, value));
}

void Statement::bind_one(int index, std::string_view text) {
    const char* data = text.data() == nullptr ? "" : text.data();
    check(database_, sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind_one(int index, Blob blob) {
    const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
    check(database_, sqlite3_bind_blob64(statement_, index, data, blob.bytes.size(), SQLITE_STATIC));
}

void Statement::bind_one(int index, std::nullptr_t) { check(database_, sqlite3_bind_null(statement_, index)); }

Database::Database(const std::string& path, Mode mode) : path_(path), log_path_(path + "-wal") {
    // Not SQLITE_OPEN_NOFOLLOW: it also refuses links in the folders above, and systemd's DynamicUser makes one.
    const bool is_immutable = mode == Mode::immutable;
    const bool may_write = mode == Mode::read_write || mode == Mode::evidence;
    const int access = may_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    const int flags = access | (is_immutable ? SQLITE_OPEN_URI : 0) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const auto name = is_immutable ? immutable_uri(path) : path;
    const int result = sqlite3_open_v2(name.c_str(), &database_, flags, nullptr);
    if (result != SQLITE_OK) {
        std::string text = database_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(database_);
        const storage_errc code = code_of(database_, result);
        sqlite3_close_v2(database_);
        throw StorageError(code, text + " (SQLite " + std::to_string(result) + ")");
    }
    int is_set = 0;
    sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, &is_set);
    sqlite3_db_config(database_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &is_set);
    if (mode == Mode::evidence) sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &is_set);
}

// SQLite removes its log by name: where it has moved, that is another one's. And what is left of a log that was cut
// does not belong into the file.
Database::~Database() {
    statements_.clear();
    int is_set = 0;
    if (standing() == Standing::moved || (is_watched_ && is_log_cut()))
        sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &is_set);
    sqlite3_close_v2(database_);
}

void Database::execute(const std::string& sql) {
    check(database_, sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr));
}

Statement& Database::use(const char* sql) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) return found->second;
    return statements_.try_emplace(sql, database_, sql).first->second;
}

std::int64_t Database::integer(const std::string& sql) {
    Statement statement(database_, sql.c_str());
    return statement.step() ? statement.integer(0) : 0;
}

std::string Database::text(const std::string& sql) {
    Statement statement(database_, sql.c_str());
    return statement.step() ? statement.text(0) : std::string();
}

std::int64_t Database::changes() const { return sqlite3_changes64(database_); }

std::int64_t Database::total_changes() const { return sqlite3_total_changes64(database_); }

std::int64_t Database::last_insert() const { return sqlite3_last_insert_rowid(database_); }

void Database::checkpoint() {
    was_log_begun_ = false;
    if (integer("PRAGMA wal_checkpoint(TRUNCATE)") != 0) {
        throw StorageError(storage_errc::io, "the log cannot be written into the database");
    }
}

void Database::give_memory_back() noexcept { sqlite3_db_release_memory(database_); }

void Database::copy_to(const std::string& path) { use("VACUUM INTO ?").bind(path).run(); }

std::optional<std::string> Database::damage() {
    try {
        auto verdict = text("PRAGMA integrity_check(1)");
        return verdict == "ok" ? std::nullopt : std::optional(std::move(verdict));
    } catch (const StorageError& error) {
        if (error.code == storage_errc::corrupt || error.code == storage_errc::statement_failed) return error.what();
        throw;
    }
}

void Database::use_log() {
    execute("PRAGMA journal_mode = WAL");
    (void)integer("SELECT count(*) FROM sqlite_schema");  // the first statement makes the file
    const char* name = sqlite3_db_filename(database_, "main");
    if (name == nullptr || *name == '\0') return;  // in memory
    may_shrink_ = integer("PRAGMA auto_vacuum") != 0;
    file_ = there_or_gone(mark_of(path_));
    log_ = there_or_gone(FileDescriptor(open(log_path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)));
    int has_moved = 0;
    sqlite3_file_control(database_, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
    if (has_moved != 0) file_ = FileDescriptor();  // it is another one's
    is_watched_ = true;
    (void)standing();  // what is there now
}

// A log begins with SQLite's number for it. It is emptied by checkpoint() only, else it is written over. What is
// written to one that somebody emptied leaves a hole there, and a checkpoint would put that over whole pages of the
// file.
bool Database::is_log_cut() noexcept {
    std::array<unsigned char, 4> number{};
    const bool is_read = pread(log_.get(), number.data(), number.size(), 0) == ssize_t{number.size()};
    const bool is_begun =
        is_read && number[0] == 0x37 && number[1] == 0x7F && number[2] == 0x06 && number[3] >> 1 == 0x41;
    if (!is_begun && (is_read || was_log_begun_)) return true;
    was_log_begun_ = is_begun;
    return false;
}

Standing Database::standing() noexcept {
    if (!is_watched_) return Standing::whole;
    struct stat status {};
    if (!is_at(file_.get(), path_) || fstat(file_.get(), &status) != 0) return Standing::moved;
    if (status.st_size < (may_shrink_ ? std::min<std::int64_t>(size_, 1) : size_)) return Standing::cut;
    size_ = status.st_size;
    if (is_log_cut()) return Standing::cut;  // also when it was removed after that
    return is_at(log_.get(), log_path_) ? Standing::whole : Standing::logless;
}

void Database::renew_log() {
    checkpoint();
    execute("PRAGMA journal_mode = DELETE");
    use_log();
}

void Database::remove_log() noexcept {
    if (is_at(log_.get(), log_path_)) unlink(log_path_.c_str());
}

void read_past_damage(Database& damaged, const std::string& rows, const std::function<void(Statement& row)>& take) {
    constexpr std::int64_t kLastNumber = std::int64_t{1} << 56;
    std::int64_t after = INT64_MIN;
    std::int64_t skip = 1;
    bool is_taking = false;
    while (after < kLastNumber) {
        try {
            is_taking = false;
            Statement row(damaged.handle(), rows.c_str());
            row.bind(after);
            while (row.step()) {
                if (row.integer(0) <= after) throw StorageError(storage_errc::corrupt, "rows out of order");
                after = row.integer(0);
                skip = 1;
                is_taking = true;
                take(row);
                is_taking = false;
            }
            return;
        } catch (const StorageError& failure) {
            const bool is_damage = failure.code == storage_errc::corrupt ||
                                   failure.code == storage_errc::statement_failed ||
                                   (failure.code == storage_errc::io && !is_taking);
            if (!is_damage) throw;
            if (is_taking) continue;  // behind that row
            if (after == INT64_MIN) after = 0;
            after += skip;
            skip = skip < 64 ? skip + 1 : skip * 2;
        }
    }
}

Transaction::Transaction(Database& database) : database_(database) { database_.use("BEGIN IMMEDIATE").run(); }

Transaction::~Transaction() {
    if (!is_open_ || sqlite3_get_autocommit(database_.handle()) != 0) return;  // SQLite may have rolled back by itself
    try {
        database_.use("ROLLBACK").run();
    } catch (const StorageError&) {
        // The handle is about to be closed for what brought us here.
    }
}

void Transaction::commit() {
    database_.use("COMMIT").run();
    is_open_ = false;
}

}  // namespace jiro
