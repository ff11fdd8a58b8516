// SPDX-License-Identifier: MIT
// What an operator does by hand, and the take-over of a damaged file.
#include <algorithm>

#include "delivery/log.hpp"
#include "delivery/outbox_store.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

#define JIRO_SUMMARY_COLUMNS                                                                                  \
    "sequence, id, state, kind, received_at, finished_at, due_at, attempts,"                                  \
    " coalesce(length(payload), 0) + coalesce(length(message), kept_bytes, 0) + coalesce(length(whole), 0), " \
    "last_error"

Error on_its_way() { return Error(errc::wrong_state).with_prefix("it is on its way just now, try again"); }

// Its times are wall time, for people.
RowSummary summary_of(Statement& row, const Moment& now) {
    const auto set_by = now.wall - now.here;
    const auto time = [&](int column) { return from_stored(row.integer(column)) + set_by; };
    RowSummary summary;
    summary.sequence = row.integer(0);
    summary.id = row.text(1);
    const auto state = state_from(row.bytes(2));
    summary.state = state == StoredState::forgotten ? RowState::delivered : static_cast<RowState>(state);
    summary.kind = outcome_from(row.bytes(3));
    summary.received_at = time(4);
    if (!row.is_null(5)) summary.finished_at = time(5);
    if (summary.state == RowState::done && !row.is_null(6)) summary.due_at = time(6);
    summary.attempts = static_cast<int>(std::clamp<std::int64_t>(row.integer(7), 0, INT32_MAX));
    summary.bytes = static_cast<std::uint64_t>(row.integer(8));
    summary.last_error = row.text(9);
    return summary;
}

#define JIRO_SALVAGED(later)                                                                                   \
    "SELECT sequence, id, state, fingerprint, received_at, run_before, idempotent, starts, receipt_sum, kind," \
    " finished_at, due_at, attempts, refusals, settled_at, last_error, message_sum, payload, message, " later  \
    " FROM commands NOT INDEXED WHERE sequence > ? ORDER BY sequence"

// A file may be damaged before it was migrated. An impossible version is damage, too.
const char* rows_of_schema(std::int64_t version) {
    if (version == 1) return JIRO_SALVAGED("NULL, NULL, 0, NULL, 0");
    if (version <= 4) return JIRO_SALVAGED("whole_sum, whole, 0, NULL, 0");
    return JIRO_SALVAGED("whole_sum, whole, resumes, suspended_at, suspended_in");
}

// What a damaged file says of itself: its rows are by that clock, and among them are those of that transaction. As
// much as can be read.
struct DamagedFacts {
    explicit DamagedFacts(Database& damaged) {
        try {
            time = TimeFacts::of(damaged);
            transaction = fact(damaged, "transaction");
        } catch (const StorageError&) {
        }
    }
    TimeFacts time;
    std::int64_t transaction = 0;
};

}  // namespace

std::vector<RowSummary> OutboxStore::list(const ListPage& page, const Moment& now) {
    std::optional<std::string_view> state;
    if (page.state) state = to_string(*page.state);
    const auto or_state = page.state == RowState::delivered ? to_string(StoredState::forgotten) : state;
    Statement& row =
        database_.use("SELECT " JIRO_SUMMARY_COLUMNS
                      " FROM commands WHERE sequence > ?1 AND iif(?2 IS NULL, state NOT IN ('delivered', 'forgotten'),"
                      " state IN (?2, ?3)) ORDER BY sequence");
    const Cursor cursor(row);
    row.bind(page.after, state, or_state);
    std::vector<RowSummary> rows;
    while (rows.size() < page.limit && row.step()) rows.push_back(summary_of(row, now));
    return rows;
}

Result<RowDetails> OutboxStore::show(const std::string& id, const Moment& now) {
    Statement& row =
        database_.use("SELECT " JIRO_SUMMARY_COLUMNS ", message, whole_sum, whole FROM commands WHERE id = ?");
    const Cursor cursor(row);
    if (!row.bind(id).step()) return Error(errc::unknown_id);
    RowDetails details{summary_of(row, now), nullptr, whole_of(row, 11, id, row.bytes(3))};
    details.message =
        row.is_null(10) ? kept_message(details.summary.sequence) : std::make_shared<const std::string>(row.bytes(10));
    return details;
}

Result<> OutboxStore::retry(const std::string& id, Resend what, const Moment& now) {
    auto found = find_in(id, {StoredState::done, StoredState::dead});
    if (!found) return found.error();
    if (found->message_bytes == 0) return Error(errc::wrong_state, "nothing is left of its result that could be sent");
    const bool is_leased = leased_.contains(id);
    if (what == Resend::whole) {
        if (is_leased) return on_its_way();
        if (const auto made = make_whole_again(id, *found); !made) return made;
    }
    if (!is_leased) make_due_again(id, *found, now);
    return {};
}

Result<> OutboxStore::make_whole_again(const std::string& id, Found& row) {
    {
        Statement& whole = database_.use("SELECT kind, whole_sum, whole FROM commands WHERE sequence = ?");
        const Cursor cursor(whole);
        if (!whole.bind(row.sequence).step() || whole.is_null(2)) {
            return Error(errc::wrong_state).with_prefix("it was not cut");
        }
        if (!whole_of(whole, 1, id, whole.bytes(0))) {
            return Error(storage_errc::corrupt, "its whole text is damaged on disk");
        }
    }
    database_
        .use(
            "UPDATE commands SET message = whole, message_sum = whole_sum, whole = NULL, whole_sum = NULL"
            " WHERE sequence = ?")
        .bind(row.sequence)
        .run();
    recount(id, row, {row.sequence, row.state, row.payload_bytes, row.whole_bytes, 0, row.kind});
    return {};
}

std::uint64_t OutboxStore::retry_all_dead(const Moment& now) {
    database_
        .use(
            "UPDATE commands SET state = 'done', due_at = ?, attempts = 0, refusals = 0, settled_at = NULL"
            " WHERE state = 'dead' AND message IS NOT NULL")
        .bind(to_stored(now.here))
        .run();
    const auto changed = static_cast<std::uint64_t>(database_.changes());
    counts_.dead_letters -= changed;
    counts_.pending += changed;
    return changed;
}

Result<> OutboxStore::drop(const std::string& id, const Moment& now) {
    auto found = find_in(id, {StoredState::done, StoredState::dead});
    if (!found) return found.error();
    if (leased_.contains(id)) return on_its_way();
    database_
        .use(
            "UPDATE commands SET state = 'forgotten', settled_at = ?, payload = NULL, message = NULL, whole = NULL,"
            " whole_sum = NULL, last_error = 'dropped by the operator' WHERE sequence = ?")
        .bind(to_stored(now.here), found->sequence)
        .run();
    recount(id, *found, {found->sequence, StoredState::forgotten});
    return {};
}

// Of a file that cannot be opened at all nothing is taken.
std::uint64_t OutboxStore::take_over(const std::string& damaged_path) {
    std::uint64_t taken = 0;
    std::optional<Database> damaged;
    const char* rows = nullptr;
    try {
        damaged.emplace(damaged_path, Database::Mode::evidence);
        damaged->execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON");
        rows = rows_of_schema(damaged->integer("PRAGMA user_version"));
    } catch (const StorageError& failure) {
        if (failure.code == storage_errc::full) throw;
        outbox_log.error("Nothing of the damaged outbox can be read", {{"error", failure.what()}});
    }
    if (rows != nullptr) {
        read_past_damage(*damaged, rows, [&](Statement& row) {
            if (insert_salvaged(row)) ++taken;
        });
        const DamagedFacts facts(*damaged);
        adopt_time(facts.time);
        note_fact("transaction", facts.transaction);
    }
    count_rows();
    return taken;
}

// A row whose sums fit is taken over as it is, in its place; one whose state is unreadable by what its sums still
// prove.
bool OutboxStore::insert_salvaged(Statement& row) {
    const auto id = row.text(1);
    auto state = row.text(2);
    const auto fingerprint = row.bytes(3);
    const auto payload = row.bytes(17);
    const auto message = row.bytes(18);
    const bool has_outcome =
        !row.is_null(18) && outcome_from(row.bytes(9)) && row.integer(16) == message_sum(id, row.bytes(9), message);
    const bool has_receipt = !row.is_null(17) && row.integer(8) == receipt_sum(id, fingerprint, payload);
    if (state == "done" || state == "dead" || state == "delivered") {
        if (!has_outcome) return false;
    } else if (state == "received" || state == "running") {
        if (!has_receipt) return false;
    } else if (state != "forgotten") {
        if (!has_outcome && !has_receipt) return false;
        state = has_outcome ? "done" : "running";
    }
    const auto kind = row.text(9);
    const auto last_error = row.text(15);
    const auto whole = whole_of(row, 19, id, kind);
    Statement& insert = database_.use(
        "INSERT OR IGNORE INTO commands (id, state, fingerprint, received_at, run_before, idempotent, starts, "
        "receipt_sum, kind, finished_at, due_at, attempts, refusals, settled_at, last_error, message_sum, "
        "payload, message, whole_sum, whole, sequence, resumes, suspended_at, suspended_in)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.reset();
    insert.bind(id, state, only_if(fingerprint.size() == Fingerprint{}.size(), Blob{fingerprint}), row.integer(4),
                row.integer(5), row.integer(6), row.integer(7), row.integer(8),
                only_if(!kind.empty(), std::string_view(kind)), row.integer(10), row.integer(11), row.integer(12),
                row.integer(13), row.integer(14), only_if(!row.is_null(15), std::string_view(last_error)),
                row.integer(16), only_if(!row.is_null(17), Blob{payload}), only_if(!row.is_null(18), Blob{message}),
                only_if(whole != nullptr, row.integer(19)),
                only_if(whole != nullptr, Blob{whole ? *whole : std::string_view()}), row.integer(0), row.integer(21),
                row.integer(22), row.integer(23));
    insert.run();
    return state != "delivered" && state != "forgotten";
}

}  // namespace jiro::delivery
