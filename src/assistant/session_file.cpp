// SPDX-License-Identifier: MIT
#include "assistant/session_file.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "assistant/stored_time.hpp"
#include "assistant/wire.hpp"
#include "jiro/base/database_file.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::assistant {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSchemaVersion = 1;
constexpr std::int64_t kApplicationId = 0x4A434854;  // "JCHT"
constexpr std::uintmax_t kCheckedBytes = 64ULL * 1024 * 1024;
constexpr std::size_t kNameBytes = 60;
constexpr std::string_view kCutMark = "\n\n*(The answer was cut off here.)*";

// The C# client's columns first. ContextFrom: messages up to that one are told to the model no more. State:
// AnswerState. UsedInBoot, UsedAtMs: LastUpdatedAt on the boot clock; files of earlier versions get them.
constexpr const char* kSchema = R"(
CREATE TABLE ChatSessions (
    Id              TEXT NOT NULL PRIMARY KEY,
    Name            TEXT NOT NULL,
    Description     TEXT NOT NULL,
    CreatedAt       TEXT NOT NULL,
    LastUpdatedAt   TEXT NOT NULL,
    ContextFrom     INTEGER NOT NULL DEFAULT 0,
    Summary         TEXT NOT NULL DEFAULT '',
    SummarizedUntil INTEGER NOT NULL DEFAULT 0,
    UsedInBoot      TEXT NOT NULL DEFAULT '',
    UsedAtMs        INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE Messages (
    Sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    Id         TEXT NOT NULL UNIQUE,
    Content    TEXT NOT NULL,
    InstanceId TEXT NOT NULL,
    SessionId  TEXT NOT NULL REFERENCES ChatSessions(Id) ON DELETE CASCADE,
    IsUser     INTEGER NOT NULL,
    CreatedAt  TEXT NOT NULL,
    Type       INTEGER NOT NULL,
    State      INTEGER NOT NULL DEFAULT 0,
    Tokens     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX LastUsed ON ChatSessions(LastUpdatedAt);
CREATE INDEX IX_Messages_SessionId ON Messages(SessionId, Sequence);
CREATE INDEX BeingWritten ON Messages(Sequence) WHERE State = 2;
)";

template <typename T>
T must(Result<T> step) {
    if (!step) throw StorageError(static_cast<storage_errc>(step.error().code.value()), step.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*step);
}

fs::path finish_replacing(const DatabaseFile& file) {
    auto aside = must(file.move_aside());
    must(file.put_in_place());
    return aside;
}

// The path, when there is a file.
std::string made(const fs::path& path) {
    const DatabaseFile file(path);
    if (file.has_rebuilt()) finish_replacing(file);
    must(file.make());
    return path.string();
}

// The first words, on one line.
std::string name_for(std::string_view question) {
    std::string name;
    for (const char c : trimmed(question.substr(0, 4 * kNameBytes))) {
        const bool is_blank = is_space(c) || static_cast<unsigned char>(c) < 0x20;
        if (!is_blank) {
            name += c;
        } else if (!name.ends_with(' ')) {
            name += ' ';
        }
    }
    if (name.size() <= kNameBytes) return to_utf8(std::move(name));
    auto head = utf8_head(name, kNameBytes);
    const auto blank = head.rfind(' ');
    if (blank != std::string_view::npos && blank > kNameBytes / 2) head = head.substr(0, blank);
    return to_utf8(head) + "...";
}

SessionSummary summary_of(const Statement& row) {
    return {row.text(0),
            row.text(1),
            row.text(2),
            from_stored(row.text(3)),
            from_stored(row.text(4)),
            static_cast<std::uint64_t>(row.integer(5))};
}

// Goes backwards from the newest message, and puts together what belongs together: a question, and an answer that is
// not empty. A question without one is told to the model no more.
class ExchangeReader {
  public:
    explicit ExchangeReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    // Sequence, Content, IsUser of a row; false: there is no more room.
    bool take(const Statement& row) {
        if (row.integer(2) == 0) {
            answer_ = {row.integer(0), {}, row.text(1)};
            return true;
        }
        if (!answer_) return true;
        answer_->question = row.text(1);
        if (bytes_ + answer_->bytes() > max_bytes_) return false;
        bytes_ += answer_->bytes();
        exchanges_.push_back(std::move(*answer_));
        answer_.reset();
        return true;
    }

    std::vector<StoredExchange> take_all() {
        std::ranges::reverse(exchanges_);
        return std::move(exchanges_);
    }

  private:
    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::optional<StoredExchange> answer_;  // whose question comes next
    std::vector<StoredExchange> exchanges_;
};

}  // namespace

Rebuilt rebuild(const fs::path& path) {
    const DatabaseFile file(path);
    ImportCounts taken;
    {
        SessionFile fresh(must(file.begin_rebuilt()));
        taken = fresh.import_from(path, SessionFile::Reading::tolerant);
        fresh.checkpoint();
    }
    must(file.end_rebuilt());
    return {finish_replacing(file), taken};
}

// Nothing is written before it is known to be ours.
SessionFile::SessionFile(const fs::path& path) : database_(made(path), Database::Mode::read_write) {
    database_.execute("PRAGMA busy_timeout = 500; PRAGMA locking_mode = EXCLUSIVE");
    const bool is_new = is_empty();
    if (is_new) database_.execute("PRAGMA auto_vacuum = INCREMENTAL");
    database_.execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; "
        "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit "
        "= 4194304");
    if (is_new) create_schema();
    add_boot_columns();
    std::error_code ignored;
    if (fs::file_size(path, ignored) <= kCheckedBytes) {
        const auto verdict = database_.text("PRAGMA quick_check(1)");
        if (verdict != "ok") throw StorageError(storage_errc::corrupt, verdict);
    }
    database_.execute(
        "DELETE FROM Messages WHERE State = 2 AND Content = ''; UPDATE Messages SET State = 1 WHERE State = 2");
}

// Throws when it is another program's, or a newer version's.
bool SessionFile::is_empty() {
    const auto version = database_.integer("PRAGMA user_version");
    const auto application = database_.integer("PRAGMA application_id");
    if (version == 0 && application == 0 && database_.integer("SELECT count(*) FROM sqlite_schema") == 0) return true;
    if (application != kApplicationId) {
        throw ForeignFile(errc::not_sessions,
                          "the file is another program's; that of the C# client is taken over by `jiro-client "
                          "sessions import FILE`");
    }
    if (version > kSchemaVersion) {
        throw StorageError(storage_errc::newer_version, "the sessions have schema " + std::to_string(version) +
                                                            ", this program knows " + std::to_string(kSchemaVersion) +
                                                            ": run the newer version, or move the file away");
    }
    return false;
}

void SessionFile::create_schema() {
    Transaction transaction(database_);
    database_.execute(kSchema);
    database_.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
    database_.execute("PRAGMA user_version = " + std::to_string(kSchemaVersion));
    transaction.commit();
}

// An earlier version does not miss them: the schema stays the same for it.
void SessionFile::add_boot_columns() {
    const auto known =
        database_.integer("SELECT count(*) FROM pragma_table_info('ChatSessions') WHERE name = 'UsedInBoot'");
    if (known > 0) return;
    Transaction transaction(database_);
    database_.execute(
        "ALTER TABLE ChatSessions ADD COLUMN UsedInBoot TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE ChatSessions ADD COLUMN UsedAtMs INTEGER NOT NULL DEFAULT 0");
    transaction.commit();
}

History SessionFile::history_of(const std::string& session_id, std::size_t max_bytes) {
    History history;
    Statement& session = database_.use("SELECT ContextFrom, Summary, SummarizedUntil FROM ChatSessions WHERE Id = ?");
    const Cursor its_row(session);
    session.bind(session_id).step();
    history.summary = session.text(1);

    Statement& rows = database_.use(
        "SELECT Sequence, Content, IsUser FROM Messages WHERE SessionId = ?1 AND Sequence > ?2 AND Content <> '' ORDER "
        "BY Sequence DESC");
    const Cursor cursor(rows);
    rows.bind(session_id, std::max(session.integer(0), session.integer(2)));
    ExchangeReader reader(max_bytes);
    while (!history.has_unsummarized && rows.step()) history.has_unsummarized = !reader.take(rows);
    history.exchanges = reader.take_all();
    return history;
}

BegunExchange SessionFile::begin(const NewExchange& exchange) {
    Transaction transaction(database_);
    const auto now = to_stored(exchange.now.wall);
    database_
        .use(
            "INSERT INTO ChatSessions (Id, Name, Description, CreatedAt, LastUpdatedAt, UsedInBoot, UsedAtMs) VALUES"
            " (?1, ?2, '', ?3, ?3, ?4, ?5) ON CONFLICT (Id) DO UPDATE SET LastUpdatedAt = excluded.LastUpdatedAt,"
            " UsedInBoot = excluded.UsedInBoot, UsedAtMs = excluded.UsedAtMs")
        .bind(exchange.session_id, name_for(exchange.question), now, exchange.now.boot_id,
              exchange.now.since_boot.count())
        .run();

    BegunExchange begun;
    begun.history = history_of(exchange.session_id, exchange.history_bytes);

    Statement& message = database_.use(
        "INSERT INTO Messages (Id, Content, InstanceId, SessionId, IsUser, CreatedAt, Type, State) VALUES (?, ?, ?, ?,"
        " ?, ?, 0, ?)");
    message.bind(exchange.question_id, exchange.question, exchange.instance_id, exchange.session_id, 1, now, 0).run();
    message.bind(exchange.answer_id, "", exchange.instance_id, exchange.session_id, 0, now,
                 static_cast<int>(AnswerState::being_written));
    message.run();
    begun.answer = database_.last_insert();
    transaction.commit();
    return begun;
}

void SessionFile::write_answer(std::int64_t answer, std::string_view text, AnswerState state, std::int64_t tokens,
                               const Instant& now) {
    if (text.empty() && state != AnswerState::being_written) {
        database_.use("DELETE FROM Messages WHERE Sequence = ?").bind(answer).run();
        return;
    }
    const auto time = to_stored(now.wall);
    Transaction transaction(database_);
    database_.use("UPDATE Messages SET Content = ?2, State = ?3, Tokens = ?4, CreatedAt = ?5 WHERE Sequence = ?1")
        .bind(answer, text, static_cast<int>(state), tokens, time)
        .run();
    database_
        .use(
            "UPDATE ChatSessions SET LastUpdatedAt = ?2, UsedInBoot = ?3, UsedAtMs = ?4 WHERE Id = (SELECT SessionId "
            "FROM Messages WHERE Sequence = ?1)")
        .bind(answer, time, now.boot_id, now.since_boot.count())
        .run();
    transaction.commit();
}

std::vector<StoredExchange> SessionFile::unsummarized(const std::string& session_id, std::int64_t before,
                                                      std::size_t max_bytes) {
    Statement& rows = database_.use(
        "SELECT m.Sequence, m.Content, m.IsUser FROM Messages m JOIN ChatSessions s ON s.Id = m.SessionId WHERE s.Id ="
        " ?1 AND m.Sequence > max(s.ContextFrom, s.SummarizedUntil) AND m.Sequence < ?2 AND m.Content <> '' ORDER BY "
        "m.Sequence DESC");
    const Cursor cursor(rows);
    rows.bind(session_id, before);
    ExchangeReader reader(max_bytes);
    bool has_room = true;
    while (has_room && rows.step()) has_room = reader.take(rows);
    return reader.take_all();
}

void SessionFile::set_summary(const std::string& session_id, std::string_view summary, std::int64_t until) {
    database_.use("UPDATE ChatSessions SET Summary = ?2, SummarizedUntil = ?3 WHERE Id = ?1 AND ContextFrom < ?3")
        .bind(session_id, summary, until)
        .run();
}

bool SessionFile::reset(const std::string& session_id) {
    database_
        .use(
            "UPDATE ChatSessions SET Summary = '', ContextFrom = (SELECT coalesce(max(Sequence), 0) FROM Messages "
            "WHERE SessionId = ?1) WHERE Id = ?1")
        .bind(session_id)
        .run();
    return database_.changes() > 0;
}

SessionList SessionFile::list(std::size_t limit) {
    SessionList list;
    list.total = sessions();
    Statement& rows = database_.use(
        "SELECT Id, Name, Description, CreatedAt, LastUpdatedAt, (SELECT count(*) FROM Messages WHERE SessionId = "
        "ChatSessions.Id) FROM ChatSessions ORDER BY LastUpdatedAt DESC, Id LIMIT ?");
    const Cursor cursor(rows);
    rows.bind(static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000'000)));
    while (rows.step()) list.sessions.push_back(summary_of(rows));
    return list;
}

std::optional<SessionSummary> SessionFile::find(const std::string& id) {
    Statement& row = database_.use(
        "SELECT Id, Name, Description, CreatedAt, LastUpdatedAt, (SELECT count(*) FROM Messages WHERE SessionId = "
        "ChatSessions.Id) FROM ChatSessions WHERE Id = ?");
    const Cursor cursor(row);
    return row.bind(id).step() ? std::optional(summary_of(row)) : std::nullopt;
}

std::vector<SessionMessage> SessionFile::messages(const std::string& id, const MessagePage& page) {
    Statement& rows = page.order == MessageOrder::oldest_first
                          ? database_.use(
                                "SELECT Sequence, Id, IsUser, Type, Content, CreatedAt, State FROM Messages "
                                "WHERE SessionId = ? AND Sequence > ? ORDER BY Sequence LIMIT ?")
                          : database_.use(
                                "SELECT Sequence, Id, IsUser, Type, Content, CreatedAt, State FROM Messages "
                                "WHERE SessionId = ? AND Sequence < ? ORDER BY Sequence DESC LIMIT ?");
    const Cursor cursor(rows);
    const auto everything = page.order == MessageOrder::oldest_first ? std::int64_t{0} : INT64_MAX;
    rows.bind(id, page.after.value_or(everything),
              static_cast<std::int64_t>(std::min<std::size_t>(page.limit, 1'000'000)));
    std::vector<SessionMessage> found;
    std::size_t bytes = 0;
    while (rows.step()) {
        bytes += rows.bytes(4).size();
        if (!found.empty() && bytes > page.max_bytes) break;
        auto& message = found.emplace_back();
        message.sequence = rows.integer(0);
        message.id = rows.text(1);
        message.is_user = rows.integer(2) != 0;
        message.kind = static_cast<MessageKind>(std::clamp<std::int64_t>(rows.integer(3), 0, 2));
        message.content = to_utf8(rows.text(4));
        message.created_at = from_stored(rows.text(5));
        if (rows.integer(6) == static_cast<int>(AnswerState::cut)) message.content += kCutMark;
    }
    return found;
}

bool SessionFile::remove(const std::string& id) {
    database_.use("DELETE FROM ChatSessions WHERE Id = ?").bind(id).run();
    if (database_.changes() == 0) return false;
    forget_deleted();
    return true;
}

// secure_delete has overwritten the pages; what was in them is in the log until that is emptied.
void SessionFile::forget_deleted() {
    database_.execute("PRAGMA incremental_vacuum");
    checkpoint();
}

bool SessionFile::update(const std::string& id, const SessionChange& change) {
    Transaction transaction(database_);
    const auto found = find(id);
    if (found) {
        database_.use("UPDATE ChatSessions SET Name = ?2, Description = ?3 WHERE Id = ?1")
            .bind(id, change.name.value_or(found->name), change.description.value_or(found->description))
            .run();
    }
    transaction.commit();
    return found.has_value();
}

// What was written before the clock was set would seem older or younger than it is in the next boot, which has only
// wall time to go by.
void SessionFile::follow_wall_clock(const Instant& now) {
    if (now.boot_id.empty()) return;
    const auto wall = std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch());
    database_
        .use(
            "UPDATE ChatSessions SET LastUpdatedAt = strftime('%Y-%m-%d %H:%M:%S', ?2 - (?3 - UsedAtMs) / 1000, "
            "'unixepoch') || '.0000000' WHERE UsedInBoot = ?1 AND abs(CAST(strftime('%s', LastUpdatedAt) AS INTEGER) - "
            "(?2 - (?3 - UsedAtMs) / 1000)) > 60")
        .bind(now.boot_id, wall.count(), now.since_boot.count())
        .run();
}

std::uint64_t SessionFile::sweep(const SessionLimits& limits, const Instant& now) {
    // By the last message: its number only grows, whatever the clocks do.
#define JIRO_LEAST_RECENTLY_USED                                                                                   \
    "SELECT Id FROM ChatSessions ORDER BY (SELECT max(Sequence) FROM Messages WHERE SessionId = ChatSessions.Id) " \
    "LIMIT "
    std::uint64_t removed = 0;
    const auto count_removed = [&] {
        removed += static_cast<std::uint64_t>(database_.changes());
        return database_.changes() > 0;
    };
    follow_wall_clock(now);
    if (limits.max_age.count() > 0) {
        const std::chrono::milliseconds age = limits.max_age;
        database_
            .use(
                "DELETE FROM ChatSessions WHERE CASE WHEN UsedInBoot = ?1 AND ?1 <> '' THEN UsedAtMs < ?2 ELSE "
                "LastUpdatedAt < ?3 END")
            .bind(now.boot_id, (now.since_boot - age).count(), to_stored(now.wall - age))
            .run();
        count_removed();
    }
    if (const auto count = static_cast<std::int64_t>(sessions()); count > limits.max_sessions) {
        database_.use("DELETE FROM ChatSessions WHERE Id IN (" JIRO_LEAST_RECENTLY_USED "?)")
            .bind(count - limits.max_sessions)
            .run();
        count_removed();
    }
    while (bytes() > limits.max_bytes && sessions() > 1) {
        database_.use("DELETE FROM ChatSessions WHERE Id = (" JIRO_LEAST_RECENTLY_USED "1)").run();
        if (!count_removed()) break;
    }
#undef JIRO_LEAST_RECENTLY_USED
    if (removed > 0) forget_deleted();
    return removed;
}

std::uint64_t SessionFile::bytes() {
    const auto pages = database_.integer("PRAGMA page_count") - database_.integer("PRAGMA freelist_count");
    return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(database_.integer("PRAGMA page_size"));
}

std::uint64_t SessionFile::sessions() {
    return static_cast<std::uint64_t>(database_.integer("SELECT count(*) FROM ChatSessions"));
}

ImportCounts SessionFile::import_from(const fs::path& path, Reading reading) {
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
