// SPDX-License-Identifier: MIT
#pragma once
// The rows of the outbox in one open database: plain functions with the SQL beside each (outbox_store.cpp: opening and
// counting; outbox_intake.cpp: received to done; outbox_delivery.cpp: done to delivered; outbox_redo.cpp: both, from
// the redo log; outbox_operator.cpp: by hand). Used on the storage thread, between begin() and commit() or roll_back().
// Throws StorageError.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "delivery/kept_messages.hpp"
#include "delivery/outbox_clock.hpp"
#include "delivery/redo/redo_log.hpp"
#include "delivery/redo/row_changes.hpp"
#include "jiro/base/enum_names.hpp"
#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/outbox.hpp"
#include "jiro/delivery/settings.hpp"

namespace jiro::delivery {

inline constexpr std::uint32_t kApplicationId = 0x4A49524F;  // "JIRO": `file outbox.db` shows it
inline constexpr std::int64_t kSchemaVersion = 5;
inline constexpr const char* kRedoLogPath = "SELECT value FROM facts WHERE name = 'redo_log_path'";

// due() gives out at most this many bytes of messages at once (but always one row): memory stays flat. So does
// recover(), with payloads, and of so many rows.
inline constexpr std::size_t kDueBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kRecoveredRows = 500;
// A row that is due later than any delay we ever choose shows that the wall clock was set back: it is due now.
inline constexpr std::chrono::hours kMaxPostponement{3};
// An idempotent command that was interrupted is started again, until it was started this often.
inline constexpr int kMaxStarts = 3;
// Added to a row's size for what SQLite keeps beside its blobs.
inline constexpr std::size_t kRowOverhead = 200;

// As RowState; of a forgotten row only the id is left, and perhaps a place among the kept messages. Words in the
// database: a flipped bit makes no other state, and what is none counts as dead.
enum class StoredState { received, running, done, delivered, dead, forgotten };
inline constexpr auto kStoredStateNames = enum_names<StoredState::received, StoredState::forgotten>;
[[nodiscard]] StoredState state_from(std::string_view name) noexcept;
[[nodiscard]] constexpr std::string_view to_string(StoredState state) noexcept {
    return kStoredStateNames[static_cast<std::size_t>(state)];
}

// What the table of facts says; 0: nothing.
[[nodiscard]] std::int64_t fact(Database& database, const char* name);

// Ids that were given out, with what a roll-back needs: whoever ends the transaction ends these changes with it.
// Survives the database being opened anew.
class LeasedIds {
  public:
    void add(const std::string& id) {
        if (ids_.insert(id).second) changed_.push_back(id);
    }
    void remove(const std::string& id) {
        if (ids_.erase(id) > 0) changed_.push_back(id);
    }
    [[nodiscard]] bool contains(const std::string& id) const { return ids_.contains(id); }
    void commit() { changed_.clear(); }
    void roll_back() {
        for (const auto& id : changed_) {  // one that changed twice is as it was
            if (ids_.erase(id) == 0) ids_.insert(id);
        }
        commit();
    }

  private:
    std::unordered_set<std::string> ids_;
    std::vector<std::string> changed_;  // each of them from there to not there, or back
};

// What recover() has yet to give out: the rows behind `after`, up to `until`, which the first call sets.
struct RowSpan {
    std::int64_t after = INT64_MIN;
    std::optional<std::int64_t> until;
};

// Where the OutboxClock stood of the boot that wrote a database.
struct TimeFacts {
    [[nodiscard]] static TimeFacts of(Database& database);  // zeros as far as there are none

    BootTag boot = 0;
    std::chrono::milliseconds since_boot{};
    std::chrono::milliseconds wall_set_by{};
};

class OutboxStore {
  public:
    // Opens an existing file (which may be empty), checks it, migrates it and counts its rows.
    OutboxStore(const OutboxSettings& settings, LeasedIds& held, OutboxClock& clock);

    void begin();
    void commit();
    void roll_back() noexcept;  // without begin(): nothing
    // Before commit(): a number that no other transaction has; afterwards last_transaction() says whether that was it.
    // 0: it changed nothing, and writes nothing.
    [[nodiscard]] std::int64_t number_transaction();
    [[nodiscard]] std::int64_t last_transaction() { return fact(database_, "transaction"); }

    // Writes what the log holds into the database and flushes both: afterwards what can be read is on the disk.
    void checkpoint() { database_.checkpoint(); }
    void give_memory_back() noexcept { database_.give_memory_back(); }

    [[nodiscard]] const OutboxCounts& counts() const noexcept { return counts_; }
    [[nodiscard]] std::optional<WallTime> oldest_undelivered(const Moment& now);
    [[nodiscard]] Standing standing() noexcept { return database_.standing(); }
    void renew_log() { database_.renew_log(); }
    void remove_log() noexcept { database_.remove_log(); }
    void bring_messages_back() noexcept { kept_.come_back(); }
    // All of it into an empty file.
    void copy_to(const std::filesystem::path& file) { database_.copy_to(file.string()); }
    // What is said to wait may have run since: the rows may be older than they were. A transaction of its own.
    void distrust_waiting();
    [[nodiscard]] bool has_free_pages();  // false at the database's own page limit

    // How far the wall clock was set since the first start in this boot.
    [[nodiscard]] std::chrono::milliseconds wall_set_by() const noexcept { return wall_set_by_; }
    [[nodiscard]] bool knows_wall_clock(const Moment& now) const;
    void note_wall_clock(const Moment& now);

    // Intake.
    [[nodiscard]] Recovery recover(const MakeOutcome& make, const GoesOn& goes_on, RowSpan& rest, const Moment& now);
    [[nodiscard]] AdmissionResult received(const Receipt& receipt, FirstState state, const Moment& now);
    [[nodiscard]] Result<> started(const std::string& id);
    [[nodiscard]] Result<> suspended(const std::string& id, const Moment& now);
    [[nodiscard]] Result<> not_again(const std::string& id);
    [[nodiscard]] Result<> finished(const std::string& id, Outcome kind, std::string_view message, Lease lease,
                                    const Moment& now);

    // Delivery.
    [[nodiscard]] std::vector<DueRow> due(std::size_t limit, const Moment& now);
    [[nodiscard]] std::optional<WallTime> next_due();
    void delivered(const std::string& id, WallTime at);
    void postponed(const Postponement& postponement);
    [[nodiscard]] Result<> dead(const std::string& id, const std::string& reason, const Moment& now);
    [[nodiscard]] Result<> replaced(const std::string& id, const Bytes& message);
    [[nodiscard]] Result<> make_all_due_now(const Moment& now);
    [[nodiscard]] std::vector<std::string> expire(Duration max_age, int attempts, std::size_t limit, const Moment& now);
    // Forgets remembered rows that are too old, too many or too big; a bounded number. True: there is more to do.
    bool sweep(const Moment& now);
    // By a quarter of their limit, or more: time for a sweep.
    [[nodiscard]] bool remembers_too_much() const noexcept;

    // The redo log: which one belongs to this database (0: none) and where it lies, how far it has been redone, and its
    // changes, which nothing refuses any more.
    [[nodiscard]] std::int64_t redo_log_id() { return fact(database_, "redo_log"); }
    [[nodiscard]] std::string redo_log_path() { return database_.text(kRedoLogPath); }
    [[nodiscard]] RedoLog::Position redone_until() { return static_cast<RedoLog::Position>(fact(database_, "redone")); }
    void note_redo_log(std::int64_t id, const std::string& path, RedoLog::Position redone_until);
    void note_redone(RedoLog::Position until) { note_fact("redone", static_cast<std::int64_t>(until)); }
    void redo(const RowChanges& changes);
    [[nodiscard]] std::vector<std::string> ids_after(const std::string& after, std::size_t limit);  // in their order

    // Operator.
    [[nodiscard]] std::vector<RowSummary> list(const ListPage& page, const Moment& now);
    [[nodiscard]] Result<RowDetails> show(const std::string& id, const Moment& now);
    [[nodiscard]] Result<> retry(const std::string& id, Resend what, const Moment& now);
    [[nodiscard]] std::uint64_t retry_all_dead(const Moment& now);
    [[nodiscard]] Result<> drop(const std::string& id, const Moment& now);

    // OutboxSettings::dedupe_window from now on.
    void set_dedupe_window(std::chrono::hours window) noexcept { settings_.dedupe_window = window; }

    // What is wrong with the file, looked for thoroughly; nothing: it is sound.
    [[nodiscard]] std::optional<std::string> damage() { return database_.damage(); }

    // Takes over every readable row of a damaged file; gives how many. Never throws for the damaged file's sake.
    std::uint64_t take_over(const std::string& damaged_path);

  private:
    // What is asked of a row before it is changed, and what it counts by.
    struct Found {
        std::int64_t sequence = 0;
        StoredState state = StoredState::received;
        std::uint64_t payload_bytes = 0;
        std::uint64_t message_bytes = 0;
        std::uint64_t whole_bytes = 0;  // of the whole message, beside its short form
        std::optional<Outcome> kind{};

        [[nodiscard]] std::uint64_t bytes() const { return payload_bytes + message_bytes + whole_bytes; }
        [[nodiscard]] bool is_unfinished() const {
            return state == StoredState::received || state == StoredState::running;
        }
        [[nodiscard]] bool is_remembered() const {
            return state == StoredState::delivered || state == StoredState::forgotten;
        }
    };

    void prepare_file();
    void check_schema();
    void create_schema();
    void count_rows();
    void count(const Found& row, int by = 1);
    void recount(const std::string& id, Found& row, const Found& as);
    void know(const std::string& id, const Found& row);
    [[nodiscard]] bool has_room_for_row() const noexcept;
    [[nodiscard]] bool has_room_for(std::size_t bytes) const noexcept;
    [[nodiscard]] bool goes_on_by(const TimeFacts& left);
    void adopt_time(const TimeFacts& left);
    void put_on_this_clock(std::chrono::milliseconds wall_set_by);
    template <typename Value>
    void note_fact(const char* name, const Value& value) {
        database_.use("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)").bind(name, value).run();
    }
    bool insert_salvaged(Statement& row);
    [[nodiscard]] std::optional<Found> find(const std::string& id);
    // unknown_id, or wrong_state when it is in none of these.
    [[nodiscard]] Result<Found> find_in(const std::string& id, std::initializer_list<StoredState> states);
    [[nodiscard]] std::optional<AdmissionResult> arrived_again(const Receipt& receipt, const Moment& now);
    void make_due_again(const std::string& id, Found& row, const Moment& now);
    [[nodiscard]] Result<> make_whole_again(const std::string& id, Found& row);
    [[nodiscard]] Bytes whole_of(Statement& row, int column, std::string_view id, std::string_view kind) const;
    void set_dead(const std::string& id, Found& row, const std::string& reason, const Moment& now);
    void set_done(std::optional<Found> unfinished, const FinishedChange& outcome);
    [[nodiscard]] std::size_t remove_old(const Moment& now);
    [[nodiscard]] std::size_t forget_messages();
    void redo(const RowChange& change, std::optional<KeptMessages::Position> kept_at);
    bool insert(const RowChange& change, std::optional<KeptMessages::Position> kept_at = std::nullopt);
    [[nodiscard]] std::vector<std::optional<KeptMessages::Position>> keep_messages(
        const std::vector<RowChange>& changes);
    [[nodiscard]] Bytes kept_message(std::int64_t sequence);
    void put_message_back(const std::string& id, Found& row, const std::string& message);
    [[nodiscard]] std::vector<RecoveredCommand> next_unfinished(std::string_view state, RowSpan& rest,
                                                                Recovery& recovery, const Moment& now);
    void fail_interrupted(const Receipt& receipt, const MakeOutcome& make, Recovery& recovery, const Moment& now);

    OutboxSettings settings_;
    LeasedIds& leased_;
    OutboxClock& clock_;
    Database database_;
    KeptMessages kept_;
    std::chrono::milliseconds wall_set_by_{};
    std::unique_ptr<Transaction> transaction_;
    std::int64_t transaction_number_;
    std::unordered_map<std::string, Found> known_;  // what find() would say of rows on their way to delivered
    WallTime none_unsigned_until_{};                // among those that are remembered
    OutboxCounts counts_;
    OutboxCounts counts_before_;  // of the open transaction's begin
    std::int64_t changes_before_ = 0;
};

// For columns that are NULL otherwise.
template <typename Value>
[[nodiscard]] std::optional<Value> only_if(bool is_so, Value value) {
    return is_so ? std::optional<Value>(value) : std::nullopt;
}
[[nodiscard]] inline std::string_view view(const Fingerprint& fingerprint) noexcept {
    return {reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size()};
}
// nullopt for what is no kind.
[[nodiscard]] std::optional<Outcome> outcome_from(std::string_view name) noexcept;
[[nodiscard]] std::uint32_t receipt_sum(std::string_view id, std::string_view fingerprint,
                                        std::string_view payload) noexcept;
[[nodiscard]] std::uint32_t message_sum(std::string_view id, std::string_view kind, std::string_view message) noexcept;

}  // namespace jiro::delivery
