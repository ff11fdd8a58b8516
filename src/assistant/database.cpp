// SPDX-License-Identifier: MIT
#include "assistant/database.hpp"

#include <sqlite3.h>

#include <cerrno>

namespace jiro::assistant {

namespace {

errc code_of(sqlite3* database, int result) {
    const int system = database == nullptr ? 0 : sqlite3_system_errno(database);
    switch (result & 0xFF) {
        case SQLITE_FULL:
            return errc::storage_full;
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return errc::storage_read_only;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return errc::storage_corrupt;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return errc::storage_busy;
        default:
            break;
    }
    if (system == ENOSPC || system == EDQUOT) return errc::storage_full;
    if (system == EROFS || system == EACCES || system == EPERM) return errc::storage_read_only;
    return errc::storage_failed;
}

void check(sqlite3* database, int result) {
    if (result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE) return;
    const std::string text = database == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(database);
    throw DatabaseError(code_of(database, result), text + " (SQLite " + std::to_string(result) + ")");
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
    while (step()) {
    }
    reset();
}

void Statement::reset() noexcept {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::text(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size(column));
}

std::size_t Statement::size(int column) const {
    return static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
}

void Statement::bind_one(int index, std::int64_t value) {
    check(database_, sqlite3_bind_int64(statement_, index, value));
}

void Statement::bind_one(int index, std::string_view text) {
    const char* data = text.data() == nullptr ? "" : text.data();
    check(database_, sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

Database::Database(const std::string& path, Mode mode) {
    const int access = mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    const int flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int result = sqlite3_open_v2(path.c_str(), &database_, flags, nullptr);
    if (result != SQLITE_OK) {
        const std::string text = database_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(database_);
        const errc code = code_of(database_, result);
        sqlite3_close_v2(database_);
        throw DatabaseError(code, text + " (SQLite " + std::to_string(result) + ")");
    }
    int is_set = 0;
    sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, &is_set);
    sqlite3_db_config(database_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &is_set);
}

Database::~Database() {
    statements_.clear();
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

std::int64_t Database::last_insert() const { return sqlite3_last_insert_rowid(database_); }

Transaction::Transaction(Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
    if (!is_open_ || sqlite3_get_autocommit(database_.database_) != 0) return;  // SQLite may have rolled back by itself
    try {
        database_.execute("ROLLBACK");
    } catch (const DatabaseError&) {
        // The handle is about to be closed for what brought us here.
    }
}

void Transaction::commit() {
    database_.execute("COMMIT");
    is_open_ = false;
}

}  // namespace jiro::assistant
