// SPDX-License-Identifier: MIT
// How the file of the conversations is opened: its tables, what older versions lack, and what is left of a damaged one.

#include "assistant/session_file.hpp"
#include "jiro/assistant/sessions.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/database_file.hpp"

namespace jiro::assistant {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSchemaVersion = 1;
constexpr std::uint32_t kApplicationId = 0x4A434854;  // "JCHT"
constexpr std::uintmax_t kCheckedBytes = 64ULL * 1024 * 1024;

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

Error no_sessions(const fs::path& path) {
    return Error(errc::not_sessions, "Chat.Path names a file that holds no conversations: " + path.string() +
                                         "; name another, or move that one away (the C# client's is taken over by "
                                         "`jiro-client sessions import FILE`)");
}

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

// The path, when there is a file. `loss`: what is wrong with what was there.
std::string made(const fs::path& path, std::string& loss) {
    if (const auto ours = look_at_sessions_file(path); !ours)
        throw ForeignFile(errc::not_sessions, ours.error().message);
    const DatabaseFile file(path);
    if (file.has_rebuilt()) finish_replacing(file);
    const bool was_emptied = file.is_empty();
    must(file.make());
    if (const auto log = must(file.mend_log(Flushed::checkpoints))) {
        loss = log->told();
    } else if (was_emptied) {
        loss = "their file was emptied: what was in it is lost";
    }
    return path.string();
}

}  // namespace

Result<> look_at_sessions_file(const fs::path& path) {
    if (DatabaseFile(path).is_foreign(kApplicationId)) return no_sessions(path);
    return {};
}

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

fs::path put_back(SessionFile& file, const fs::path& path) {
    const DatabaseFile place(path);
    const AtEnd at_end([&] { place.drop_rebuilt(); });  // left over, it would replace what is open
    file.copy_to(must(place.begin_rebuilt()));
    must(place.end_rebuilt());
    file.remove_log();
    return finish_replacing(place);
}

SessionFile::SessionFile(const fs::path& path) : database_(made(path, loss_), Database::Mode::read_write) {
    database_.execute("PRAGMA busy_timeout = 500; PRAGMA locking_mode = EXCLUSIVE");
    const bool is_new = is_empty(path);
    if (is_new) database_.execute("PRAGMA auto_vacuum = INCREMENTAL");
    database_.use_log();
    database_.execute(
        "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; "
        "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit "
        "= 4194304");
    if (is_new) create_schema();
    add_boot_columns();
    std::error_code ignored;
    if (fs::file_size(path, ignored) <= kCheckedBytes) {
        const auto verdict = database_.text("PRAGMA quick_check(1)");
        if (verdict != "ok") throw StorageError(storage_errc::corrupt, verdict);
    }
    DatabaseFile(path).settle();  // no conversation is run again
}

void SessionFile::mark_interrupted() {
    database_.execute(
        "DELETE FROM Messages WHERE State = 2 AND Content = ''; UPDATE Messages SET State = 1 WHERE State = 2");
}

// With what its log holds. Throws when it is another program's, or a newer version's.
bool SessionFile::is_empty(const fs::path& path) {
    const auto version = database_.integer("PRAGMA user_version");
    const auto application = database_.integer("PRAGMA application_id");
    if (version == 0 && application == 0 && database_.integer("SELECT count(*) FROM sqlite_schema") == 0) return true;
    if (application != kApplicationId) {
        throw ForeignFile(errc::not_sessions, no_sessions(path).message);
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

}  // namespace jiro::assistant
