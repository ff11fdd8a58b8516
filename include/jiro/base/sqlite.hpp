// SPDX-License-Identifier: MIT
#pragma once
// SQLite by RAII: a database with its statements, and a transaction; nothing more. Each module that keeps one in a file
// has a thread for it, and uses all of this there only. Every failure is thrown as StorageError, which never leaves the
// module: it decides what a full disk or a damaged file means.
//
//     Database database(path, Database::Mode::read_write);  // the file is there
//     Statement& row = database.use("SELECT value FROM facts WHERE name = ?");
//     const Cursor cursor(row);
//     if (row.bind("schema").step()) row.integer(0);

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/storage_error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace jiro {

struct Blob {
    std::string_view bytes;
};

class Statement {
  public:
    Statement(sqlite3* database, const char* sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    // Binds all parameters in order: numbers, text, Blob, nullptr, or an optional of these. What they refer to must
    // live until reset. The statement is fresh or has been reset.
    template <typename... Values>
    Statement& bind(const Values&... values) {
        int index = 0;
        (bind_one(++index, values), ...);
        return *this;
    }

    bool step();  // true: a row is there
    void run();   // to the end, and reset
    void reset() noexcept;

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::string_view bytes(int column) const;  // until the next step
    [[nodiscard]] bool is_null(int column) const;

  private:
    void bind_one(int index, std::int64_t value);
    void bind_one(int index, int value) { bind_one(index, static_cast<std::int64_t>(value)); }
    void bind_one(int index, std::uint32_t value) { bind_one(index, static_cast<std::int64_t>(value)); }
    void bind_one(int index, std::string_view text);
    void bind_one(int index, const std::string& text) { bind_one(index, std::string_view(text)); }
    void bind_one(int index, const char* text) { bind_one(index, std::string_view(text)); }
    void bind_one(int index, Blob blob);
    void bind_one(int index, std::nullptr_t);
    template <typename Value>
    void bind_one(int index, const std::optional<Value>& value) {
        if (!value) return bind_one(index, nullptr);
        bind_one(index, *value);
    }

    sqlite3* database_;
    sqlite3_stmt* statement_ = nullptr;
};

// Resets the statement at the end of the scope, so that a read does not keep its snapshot.
class Cursor {
  public:
    explicit Cursor(Statement& statement) : statement_(statement) {}
    ~Cursor() { statement_.reset(); }
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;
    Statement* operator->() { return &statement_; }

  private:
    Statement& statement_;
};

// Whether whoever opened it anew would read what is written here.
enum class Standing {
    whole,
    cut,      // its file or its log was emptied, or is shorter than it was: something is lost
    logless,  // its log was removed or replaced: what is in that is not in the file
    moved,    // its file was
};

class Database {
  public:
    enum class Mode {
        read_write,
        read_only,  // reads another program's file, beside it
        evidence,   // reads a damaged file and its log without changing them
        immutable,  // reads the file alone: no lock, no log, no shared memory; nobody may write meanwhile
    };

    Database(const std::string& path, Mode mode);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void execute(const std::string& sql);
    // The prepared statement for `sql`, a literal; made once.
    Statement& use(const char* sql);
    [[nodiscard]] std::int64_t integer(
        const std::string& sql);  // the first column of the first row; 0 when there is none
    [[nodiscard]] std::string text(const std::string& sql);
    // Writes the log into the file and flushes both; the log is empty then.
    void checkpoint();
    // Frees the pages that it keeps for the next read.
    void give_memory_back() noexcept;
    // All of it into a file that is empty or not there.
    void copy_to(const std::string& path);
    // What the thorough check finds; nullopt: the file is sound.
    [[nodiscard]] std::optional<std::string> damage();
    // Write-ahead logging, from now on; before that its standing is not known, and said to be whole.
    void use_log();
    // Cheap, and yet for a look now and then, not for each statement.
    [[nodiscard]] Standing standing() noexcept;
    // When it is logless: what the log that is gone holds is written into the file, and a new log is made.
    void renew_log();
    // When it has moved, and all of it is in another file that is to take the place: its log is of no use to that.
    void remove_log() noexcept;
    [[nodiscard]] std::int64_t changes() const;        // of rows, by the last statement
    [[nodiscard]] std::int64_t total_changes() const;  // by all of them
    [[nodiscard]] std::int64_t last_insert() const;    // its rowid
    [[nodiscard]] sqlite3* handle() const noexcept { return database_; }

  private:
    [[nodiscard]] bool is_log_cut() noexcept;

    sqlite3* database_ = nullptr;
    std::map<const char*, Statement> statements_;
    const std::filesystem::path path_;
    const std::filesystem::path log_path_;
    bool is_watched_ = false;  // what follows is known
    FileDescriptor file_;      // its mark
    FileDescriptor log_;
    bool may_shrink_ = false;
    std::int64_t size_ = 0;
    bool was_log_begun_ = false;
};

// The rows of a damaged database that can be read, in the order of their numbers. `rows` selects the number first and
// has one parameter, behind which number to go on ("SELECT rowid, ... WHERE rowid > ? ORDER BY rowid"). Where reading
// fails, it goes on behind the damaged page: a little further with each failure, so that few whole rows are missed and
// the end is reached. A row that `take` does not get into its own database (statement_failed) is left out; that this
// one is full or its disk fails is thrown on.
void read_past_damage(Database& damaged, const std::string& rows, const std::function<void(Statement& row)>& take);

class Transaction {
  public:
    explicit Transaction(Database& database);
    ~Transaction();  // rolls back what was not committed
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

  private:
    Database& database_;
    bool is_open_ = true;
};

}  // namespace jiro
