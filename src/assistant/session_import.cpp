// SPDX-License-Identifier: MIT
// Conversations of another file: the C# client's, or a damaged one's.

#include <algorithm>
#include <functional>
#include <optional>

#include "assistant/session_file.hpp"
#include "assistant/stored_time.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::assistant {

ImportCounts SessionFile::import_from(const std::filesystem::path& path, Reading reading) {
    const bool is_damaged = reading == Reading::tolerant;
    const auto fail = [&](const std::string& why) {
        throw ForeignFile(errc::import_failed, path.string() + ": " + why);
    };
    std::optional<Database> source;
    std::int64_t tables = 0;
    bool has_state = true;
    try {
        source.emplace(path.string(), is_damaged ? Database::Mode::evidence : Database::Mode::read_only);
        tables = source->integer(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('ChatSessions', 'Messages')");
        has_state = source->integer("SELECT count(*) FROM pragma_table_info('Messages') WHERE name = 'State'") > 0;
    } catch (const StorageError& error) {
        if (!is_damaged) fail(error.what());
        if (error.code == storage_errc::full) throw;
    }
    if (tables != 2 && !is_damaged) fail("it has no tables ChatSessions and Messages");
    if (tables != 2) return {};

    ImportCounts counts;
    Transaction transaction(database_);
    const auto copy = [&](const char* rows, const char* rows_of_damaged, const std::function<void(Statement&)>& take) {
        if (is_damaged) return read_past_damage(*source, rows_of_damaged, take);
        const auto of_source = [&](auto&& step) {
            try {
                return step();
            } catch (const StorageError& error) {
                fail(error.what());
                throw;
            }
        };
        Statement& row = *of_source([&] { return &source->use(rows); });
        while (of_source([&] { return row.step(); })) take(row);
    };
#define JIRO_SESSIONS \
    "SELECT rowid, Id, coalesce(Name, ''), coalesce(Description, ''), CreatedAt, LastUpdatedAt FROM ChatSessions"
    copy(JIRO_SESSIONS, JIRO_SESSIONS " NOT INDEXED WHERE rowid > ? ORDER BY rowid", [&](Statement& row) {
        database_
            .use(
                "INSERT OR IGNORE INTO ChatSessions (Id, Name, Description, CreatedAt, LastUpdatedAt) VALUES (?, "
                "?, ?, ?, ?)")
            .bind(row.text(1), row.text(2), row.text(3), to_stored(from_stored(row.text(4))),
                  to_stored(from_stored(row.text(5))))
            .run();
        counts.sessions += static_cast<std::uint64_t>(database_.changes());
    });
#define JIRO_MESSAGES(state)                                                                                        \
    "SELECT rowid, Id, coalesce(Content, ''), coalesce(InstanceId, ''), SessionId, IsUser, CreatedAt, Type, " state \
    " FROM Messages"
    const char* const messages =
        has_state ? JIRO_MESSAGES("State") " ORDER BY Sequence" : JIRO_MESSAGES("0") " ORDER BY CreatedAt, rowid";
    copy(messages, JIRO_MESSAGES("State") " NOT INDEXED WHERE rowid > ? ORDER BY rowid", [&](Statement& row) {
        database_
            .use(
                "INSERT OR IGNORE INTO Messages (Id, Content, InstanceId, SessionId, IsUser, CreatedAt, Type, "
                "State) SELECT ?, ?, ?, ?4, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM ChatSessions WHERE Id = ?4)")
            .bind(row.text(1), to_utf8(row.text(2)), row.text(3), row.text(4), row.integer(5),
                  to_stored(from_stored(row.text(6))), row.integer(7), std::min<std::int64_t>(row.integer(8), 1))
            .run();
        counts.messages += static_cast<std::uint64_t>(database_.changes());
    });
#undef JIRO_SESSIONS
#undef JIRO_MESSAGES
    transaction.commit();
    return counts;
}

}  // namespace jiro::assistant
