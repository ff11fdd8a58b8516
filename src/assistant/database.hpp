// SPDX-License-Identifier: MIT
#pragma once
// SQLite by RAII, as much of it as the sessions need. On the sessions' thread only. Every failure is thrown as
// DatabaseError, which never leaves that thread.

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "jiro/assistant/errors.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace jiro::assistant {

struct DatabaseError : std::runtime_error {
    DatabaseError(errc error, const std::string& text) : std::runtime_error(text), code(error) {}
    errc code;
};

class Statement {
  public:
    Statement(sqlite3* database, const char* sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    // All parameters in order: numbers and texts, which must live until the statement is reset. It is reset before.
    template <typename... Values>
    Statement& bind(const Values&... values) {
        reset();
        int index = 0;
        (bind_one(++index, values), ...);
        return *this;
    }

    bool step();  // true: a row is there
    void run();   // to the end, and reset
    void reset() noexcept;

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::size_t size(int column) const;  // of a text, in bytes

  private:
    void bind_one(int index, std::int64_t value);
    void bind_one(int index, int value) { bind_one(index, static_cast<std::int64_t>(value)); }
    void bind_one(int index, std::string_view text);
    void bind_one(int index, const std::string& text) { bind_one(index, std::string_view(text)); }
    void bind_one(int index, const char* text) { bind_one(index, std::string_view(text)); }

    sqlite3* database_;
    sqlite3_stmt* statement_ = nullptr;
};

class Database {
  public:
    enum class Mode { read_write, read_only };

    Database(const std::string& path, Mode mode);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void execute(const std::string& sql);
    // The prepared statement for `sql`, a literal; made once.
    Statement& use(const char* sql);
    [[nodiscard]] std::int64_t integer(const std::string& sql);  // first column, first row; 0: there is none
    [[nodiscard]] std::string text(const std::string& sql);
    [[nodiscard]] std::int64_t changes() const;
    [[nodiscard]] std::int64_t last_insert() const;

  private:
    friend class Transaction;

    sqlite3* database_ = nullptr;
    std::map<const char*, Statement> statements_;
};

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

}  // namespace jiro::assistant
