// SPDX-License-Identifier: MIT
// Opening, checking and counting; the schema.
#include "delivery/outbox_store.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "delivery/crc32c.hpp"
#include "delivery/failpoint.hpp"
#include "delivery/log.hpp"
#include "jiro/base/random.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kMostKnown = 4096;
constexpr std::uintmax_t kFullCheckBytes = 64ULL * 1024 * 1024;

// Times are milliseconds since 1970 on the OutboxClock. receipt_sum is CRC-32C over id, fingerprint and payload,
// message_sum over id, kind and message, whole_sum likewise: SQLite would not notice a flipped bit in them. `delivered`
// rows keep their message, to send it again when the command comes again; `forgotten` ones only their id, and perhaps a
// place among the kept messages (delivery/kept_messages.hpp).
constexpr const char* kSchema = R"(
CREATE TABLE commands (
    sequence    INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    state       TEXT    NOT NULL,            -- received running done delivered forgotten dead
    fingerprint BLOB,                        -- NULL: added by its outcome, never received
    received_at INTEGER NOT NULL,
    run_before  INTEGER NOT NULL,
    idempotent  INTEGER NOT NULL,
    starts      INTEGER NOT NULL DEFAULT 0,
    receipt_sum INTEGER NOT NULL,
    kind        TEXT,                        -- of the outcome; NULL until done
    finished_at INTEGER,
    due_at      INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    refusals    INTEGER NOT NULL DEFAULT 0,
    was_cut     INTEGER NOT NULL DEFAULT 0,  -- not used, as `boot`: earlier programs of this version write both
    settled_at  INTEGER,
    last_error  TEXT,
    message_sum INTEGER,
    payload     BLOB,                        -- to run it again; NULL once done
    message     BLOB,                        -- serialised ClientMessage; NULL until done, and once forgotten
    boot        INTEGER NOT NULL DEFAULT 0,
    whole_sum   INTEGER,
    whole       BLOB,                        -- what `message` is a short form of; NULL: it is none, or was confirmed
    kept_at     INTEGER,                     -- among the kept messages; NULL: never was there
    kept_bytes  INTEGER,
    resumes     INTEGER NOT NULL DEFAULT 0,  -- how often it was suspended until the next boot
    suspended_at INTEGER,                    -- the last time
    suspended_in INTEGER NOT NULL DEFAULT 0  -- the boot of then: it is not started in that one; 0: never
);
CREATE INDEX unfinished  ON commands(sequence)         WHERE state IN ('received', 'running');
CREATE INDEX due         ON commands(due_at, sequence) WHERE state = 'done';
CREATE INDEX undelivered ON commands(finished_at)      WHERE state = 'done';
CREATE INDEX delivered   ON commands(settled_at)       WHERE state = 'delivered';
CREATE INDEX forgotten   ON commands(settled_at)       WHERE state = 'forgotten';
CREATE INDEX dead        ON commands(sequence)         WHERE state = 'dead';
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)";

// Step n takes a database of version n+1 to version n+2, inside one transaction.
constexpr std::array kMigrations{
    "ALTER TABLE commands ADD COLUMN whole_sum INTEGER; ALTER TABLE commands ADD COLUMN whole BLOB",
    "ALTER TABLE commands ADD COLUMN boot INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE commands ADD COLUMN kept_at INTEGER; ALTER TABLE commands ADD COLUMN kept_bytes INTEGER",
    "ALTER TABLE commands ADD COLUMN resumes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE commands ADD COLUMN suspended_at INTEGER;"
    "ALTER TABLE commands ADD COLUMN suspended_in INTEGER NOT NULL DEFAULT 0",
};
static_assert(kMigrations.size() + 1 == kSchemaVersion);

}  // namespace

OutboxStore::OutboxStore(const OutboxSettings& settings, LeasedIds& held, OutboxClock& clock)
    : settings_(settings),
      leased_(held),
      clock_(clock),
      database_(settings.path.string(), Database::Mode::read_write),
      kept_(settings.path.string() + ".kept", settings.path == kInMemory ? 0 : settings.max_bytes / 4),
      transaction_number_(static_cast<std::int64_t>(SystemRandom().next() >> 2U)) {
    prepare_file();
    check_schema();
    kept_.start_at(static_cast<KeptMessages::Position>(fact(database_, "kept_until")));
    if (const auto left = TimeFacts::of(database_); !goes_on_by(left)) {
        Transaction transaction(database_);
        adopt_time(left);
        transaction.commit();
    }
    count_rows();
}

TimeFacts TimeFacts::of(Database& database) {
    return {fact(database, "boot"), std::chrono::milliseconds(fact(database, "outbox_clock_since_boot")),
            std::chrono::milliseconds(fact(database, "wall_clock_set_by"))};
}

bool OutboxStore::goes_on_by(const TimeFacts& left) {
    if (left.boot != clock_.boot()) return false;
    clock_.adopt(left.since_boot);
    wall_set_by_ = left.wall_set_by;
    return true;
}

// The first start in a boot chooses the time of the rows, the later ones go on in it.
void OutboxStore::adopt_time(const TimeFacts& left) {
    if (!goes_on_by(left)) {
        put_on_this_clock(left.wall_set_by);
        wall_set_by_ = {};
    }
    note_fact("boot", clock_.boot());
    note_fact("outbox_clock_since_boot", clock_.since_boot().count());
    note_fact("wall_clock_set_by", wall_set_by_.count());
}

void OutboxStore::put_on_this_clock(std::chrono::milliseconds wall_set_by) {
    PreviousBoot previous{wall_set_by, std::nullopt};
    const auto latest = database_.integer("SELECT max(coalesce(settled_at, finished_at, received_at)) FROM commands");
    if (latest > 0) previous.latest = from_stored(latest);
    const auto by = correction_of(previous, clock_.now().wall);
    if (by.rows == std::chrono::milliseconds::zero()) return;
    database_
        .use(
            "UPDATE commands SET received_at = received_at + iif(state = 'received', ?2, ?1),"
            " run_before = run_before + ?2, finished_at = finished_at + ?1, due_at = due_at + ?1,"
            " settled_at = settled_at + ?1, suspended_at = suspended_at + ?1")
        .bind(by.rows.count(), by.waiting.count())
        .run();
    if (database_.changes() == 0) return;
    outbox_log.warn("The wall clock was wrong in the previous boot, or is now: the times of its rows are moved",
                    {{"by_ms", by.rows.count()}, {"rows", database_.changes()}});
}

bool OutboxStore::knows_wall_clock(const Moment& now) const {
    return std::chrono::abs(now.wall - now.here - wall_set_by_) < std::chrono::seconds(1);
}

void OutboxStore::note_wall_clock(const Moment& now) {
    wall_set_by_ = std::chrono::floor<std::chrono::milliseconds>(now.wall - now.here);
    note_fact("wall_clock_set_by", wall_set_by_.count());
}

std::int64_t fact(Database& database, const char* name) {
    Statement& row = database.use("SELECT value FROM facts WHERE name = ?");
    const Cursor cursor(row);
    return row.bind(name).step() ? row.integer(0) : 0;
}

// Exclusive locking: one process, and no shared-memory file. WAL: a commit is one append. NORMAL syncs only at
// checkpoints, which kill -9 does not need and which keeps the file whole through a power cut; FULL syncs each commit.
void OutboxStore::prepare_file() {
    database_.execute("PRAGMA locking_mode = EXCLUSIVE");
    database_.use_log();
    database_.execute(settings_.durability == Durability::power ? "PRAGMA synchronous = FULL"
                                                                : "PRAGMA synchronous = NORMAL");
    database_.execute(
        "PRAGMA wal_autocheckpoint = 1900; PRAGMA journal_size_limit = 8388608; PRAGMA secure_delete = FAST;"
        "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = "
        "OFF");
    if (settings_.max_pages > 0) database_.execute("PRAGMA max_page_count = " + std::to_string(settings_.max_pages));
}

// The version stands twice, in the header and in a row, so that a damaged header is not taken for a newer program's
// file.
void OutboxStore::check_schema() {
    const auto version = database_.integer("PRAGMA user_version");
    const auto application = database_.integer("PRAGMA application_id");
    const auto tables = database_.integer("SELECT count(*) FROM sqlite_schema");
    if (version == 0 && application == 0 && tables == 0) {
        std::error_code ignored;
        if (std::filesystem::exists(settings_.path.string() + ".ballast", ignored)) {  // made once an outbox is open
            throw StorageError(storage_errc::corrupt, "the file is empty, or its log is gone: an outbox was here");
        }
        return create_schema();
    }
    const auto recorded = fact(database_, "schema");
    if (version > kSchemaVersion && recorded == version) {
        throw StorageError(storage_errc::newer_version, "the outbox has schema " + std::to_string(version) +
                                                            ", this program knows " + std::to_string(kSchemaVersion) +
                                                            ": run the newer version, or move the file away");
    }
    if (application != kApplicationId || version != recorded || version < 1) {
        throw StorageError(storage_errc::corrupt, "the file's header is not that of an outbox");
    }
    // The thorough check reads everything; a big file gets the quick one, which does not compare indexes with their
    // table.
    std::error_code ignored;  // then the size is the largest number: the quick check
    const auto size = std::filesystem::file_size(settings_.path, ignored);
    const auto verdict =
        database_.text(size <= kFullCheckBytes ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)");
    if (verdict != "ok") throw StorageError(storage_errc::corrupt, verdict);
    if (version == kSchemaVersion) return;
    Transaction transaction(database_);
    for (auto step = version; step < kSchemaVersion; ++step) {
        database_.execute(kMigrations.data()[static_cast<std::size_t>(step) - 1]);
    }
    database_.execute("UPDATE facts SET value = " + std::to_string(kSchemaVersion) + " WHERE name = 'schema'");
    database_.execute("PRAGMA user_version = " + std::to_string(kSchemaVersion));
    JIRO_FAILPOINT("c10_before_migration_commit");
    transaction.commit();
}

void OutboxStore::distrust_waiting() {
    begin();
    database_.use("UPDATE commands SET state = 'running' WHERE state = 'received'").run();
    commit();
}

void OutboxStore::create_schema() {
    Transaction transaction(database_);
    database_.execute(kSchema);
    database_.execute("INSERT INTO facts VALUES ('schema', " + std::to_string(kSchemaVersion) + ")");
    database_.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
    database_.execute("PRAGMA user_version = " + std::to_string(kSchemaVersion));
    JIRO_FAILPOINT("c10_before_migration_commit");
    transaction.commit();
}

void OutboxStore::count_rows() {
    counts_ = {};
    // Row by row: GROUP BY would sort them all, in memory.
    Statement rows(
        database_.handle(),
        "SELECT state, coalesce(length(payload), 0) + coalesce(length(message), 0) + coalesce(length(whole), 0)"
        " FROM commands NOT INDEXED");
    while (rows.step()) count({0, state_from(rows.bytes(0)), static_cast<std::uint64_t>(rows.integer(1))});
}

// Or, with -1, not any more.
void OutboxStore::count(const Found& row, int by) {
    const auto rows = static_cast<std::uint64_t>(by);
    const std::uint64_t bytes = rows * (row.bytes() + kRowOverhead);
    if (row.is_remembered()) {
        counts_.remembered += rows;
        if (row.state == StoredState::delivered) counts_.remembered_bytes += bytes;
        return;
    }
    counts_.bytes += bytes;
    (row.is_unfinished()              ? counts_.unfinished
     : row.state == StoredState::done ? counts_.pending
                                      : counts_.dead_letters) += rows;
}

// `row` becomes another one.
void OutboxStore::recount(const std::string& id, Found& row, const Found& as) {
    count(row, -1);
    count(as);
    row = as;
    if (row.is_unfinished() || row.state == StoredState::done) {
        know(id, row);
    } else {
        known_.erase(id);
    }
}

void OutboxStore::know(const std::string& id, const Found& row) {
    if (known_.size() >= kMostKnown) known_.clear();
    known_.insert_or_assign(id, row);
}

bool OutboxStore::has_room_for_row() const noexcept {
    return counts_.pending + counts_.unfinished + counts_.dead_letters < settings_.max_rows;
}

bool OutboxStore::has_room_for(std::size_t bytes) const noexcept {
    return counts_.bytes + bytes <= settings_.max_bytes;
}

void OutboxStore::begin() {
    transaction_ = std::make_unique<Transaction>(database_);
    counts_before_ = counts_;
    changes_before_ = database_.total_changes();
}

void OutboxStore::commit() {
    transaction_->commit();
    transaction_.reset();
}

void OutboxStore::roll_back() noexcept {
    if (!transaction_) return;
    transaction_.reset();
    counts_ = counts_before_;
    known_.clear();
}

std::int64_t OutboxStore::number_transaction() {
    if (database_.total_changes() == changes_before_) return 0;
    note_fact("transaction", ++transaction_number_);
    return transaction_number_;
}

std::optional<WallTime> OutboxStore::oldest_undelivered(const Moment& now) {
    if (counts_.pending == 0) return std::nullopt;
    Statement& row =
        database_.use("SELECT finished_at FROM commands WHERE state = 'done' ORDER BY finished_at LIMIT 1");
    const Cursor cursor(row);
    if (!row.step() || row.is_null(0)) return std::nullopt;
    return std::min(from_stored(row.integer(0)), now.here);
}

bool OutboxStore::has_free_pages() {
    if (settings_.max_pages == 0) return true;
    const auto used = database_.integer("PRAGMA page_count") - database_.integer("PRAGMA freelist_count");
    return used < settings_.max_pages / 10 * 9;
}

std::optional<Outcome> outcome_from(std::string_view name) noexcept {
    const auto found = std::ranges::find(kOutcomeNames, name);
    if (found == kOutcomeNames.end()) return std::nullopt;
    return static_cast<Outcome>(found - kOutcomeNames.begin());
}

StoredState state_from(std::string_view name) noexcept {
    const auto found = std::ranges::find(kStoredStateNames, name);
    return found == kStoredStateNames.end() ? StoredState::dead
                                            : static_cast<StoredState>(found - kStoredStateNames.begin());
}

std::uint32_t receipt_sum(std::string_view id, std::string_view fingerprint, std::string_view payload) noexcept {
    return crc32c(payload, crc32c(fingerprint, crc32c(id)));
}

std::uint32_t message_sum(std::string_view id, std::string_view kind, std::string_view message) noexcept {
    return crc32c(message, crc32c(kind, crc32c(id)));
}

}  // namespace jiro::delivery
