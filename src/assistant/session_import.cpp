// SPDX-License-Identifier: MIT
// Conversations of another file: the C# client's, or a damaged one's.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "assistant/session_file.hpp"
#include "assistant/stored_time.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::assistant {

namespace {

constexpr std::int64_t kLastSequence = std::int64_t{1} << 56;  // a damaged one may be any number

// What its tables have beyond the C# client's.
struct Columns {
    explicit Columns(Database& source) {
        const auto tables = source.integer(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('ChatSessions', 'Messages')");
        has_tables = tables == 2;
        is_ours = source.integer("SELECT count(*) FROM pragma_table_info('Messages') WHERE name = 'State'") > 0;
        has_boot =
            source.integer("SELECT count(*) FROM pragma_table_info('ChatSessions') WHERE name = 'UsedInBoot'") > 0;
    }

    [[nodiscard]] std::string sessions() const {
        std::string sql = "SELECT rowid, Id, coalesce(Name, ''), coalesce(Description, ''), CreatedAt, LastUpdatedAt, ";
        sql += is_ours ? "ContextFrom, Summary, SummarizedUntil, " : "0, '', 0, ";
        sql += has_boot ? "UsedInBoot, UsedAtMs" : "'', 0";
        return sql + " FROM ChatSessions";
    }

    [[nodiscard]] std::string messages() const {
        std::string sql =
            "SELECT rowid, Id, coalesce(Content, ''), coalesce(InstanceId, ''), SessionId, IsUser, CreatedAt, Type, ";
        sql += is_ours ? "State, Tokens" : "0, 0";
        return sql + " FROM Messages";
    }

    bool has_tables = false;
    bool is_ours = false;  // its rowid is Sequence
    bool has_boot = false;
};

void add_session(Database& to, const Statement& row, std::int64_t before) {
    const auto moved = [&](std::int64_t sequence) {
        return before + std::clamp(sequence, std::int64_t{0}, kLastSequence);
    };
    to.use(
          "INSERT OR IGNORE INTO ChatSessions (Id, Name, Description, CreatedAt, LastUpdatedAt, ContextFrom, Summary, "
          "SummarizedUntil, UsedInBoot, UsedAtMs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(row.text(1), row.text(2), row.text(3), to_stored(from_stored(row.text(4))),
              to_stored(from_stored(row.text(5))), moved(row.integer(6)), to_utf8(row.text(7)), moved(row.integer(8)),
              row.text(9), row.integer(10))
        .run();
}

void add_message(Database& to, const Statement& row, std::optional<std::int64_t> sequence, AnswerState state) {
    to.use(
          "INSERT OR IGNORE INTO Messages (Sequence, Id, Content, InstanceId, SessionId, IsUser, CreatedAt, Type, "
          "State, Tokens) SELECT ?, ?, ?, ?, ?5, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM ChatSessions WHERE Id = "
          "?5)")
        .bind(sequence, row.text(1), to_utf8(row.text(2)), row.text(3), row.text(4), row.integer(5),
              to_stored(from_stored(row.text(6))), row.integer(7), static_cast<int>(state), row.integer(9))
        .run();
}

}  // namespace

ImportCounts SessionFile::import_from(const std::filesystem::path& path, Reading reading) {
    const bool is_damaged = reading == Reading::tolerant;
    const auto fail = [&](const std::string& why) {
        throw ForeignFile(errc::import_failed, path.string() + ": " + why);
    };
    std::optional<Database> source;
    std::optional<Columns> columns;
    try {
        source.emplace(path.string(), is_damaged ? Database::Mode::evidence : Database::Mode::read_only);
        columns.emplace(*source);
    } catch (const StorageError& error) {
        if (!is_damaged) fail(error.what());
        if (error.code == storage_errc::full) throw;
    }
    const bool has_tables = columns && columns->has_tables;
    if (!has_tables && !is_damaged) fail("it has no tables ChatSessions and Messages");
    if (!has_tables) return {};

    ImportCounts counts;
    Transaction transaction(database_);
    const auto copy = [&](const std::string& rows, const char* order, const std::function<void(Statement&)>& take) {
        if (is_damaged) {
            return read_past_damage(*source, rows + " NOT INDEXED WHERE rowid > ? ORDER BY rowid", take);
        }
        const auto of_source = [&](auto&& step) {
            try {
                return step();
            } catch (const StorageError& error) {
                fail(error.what());
                throw;
            }
        };
        std::optional<Statement> row;
        of_source([&] { row.emplace(source->handle(), (rows + order).c_str()); });
        while (of_source([&] { return row->step(); })) take(*row);
    };
    // Behind what is here, at the same distances, since ContextFrom and SummarizedUntil name them.
    const auto before = last_sequence();
    copy(columns->sessions(), "", [&](Statement& row) {
        add_session(database_, row, before);
        counts.sessions += static_cast<std::uint64_t>(database_.changes());
    });
    copy(columns->messages(), columns->is_ours ? " ORDER BY Sequence" : " ORDER BY CreatedAt, rowid",
         [&](Statement& row) {
             auto state = static_cast<AnswerState>(std::clamp<std::int64_t>(row.integer(8), 0, 2));
             if (state == AnswerState::being_written && !is_damaged) {
                 if (row.bytes(2).empty()) return;
                 state = AnswerState::cut;
             }
             std::optional<std::int64_t> sequence;
             if (columns->is_ours && row.integer(0) <= kLastSequence) sequence = before + row.integer(0);
             add_message(database_, row, sequence, state);
             counts.messages += static_cast<std::uint64_t>(database_.changes());
         });
    // One that names a message that is lost, or nothing, would hide what comes next.
    database_
        .use("UPDATE ChatSessions SET ContextFrom = min(ContextFrom, ?1), SummarizedUntil = min(SummarizedUntil, ?1)")
        .bind(last_sequence())
        .run();
    transaction.commit();
    return counts;
}

std::int64_t SessionFile::last_sequence() {
    return database_.integer("SELECT seq FROM sqlite_sequence WHERE name = 'Messages'");
}

}  // namespace jiro::assistant
