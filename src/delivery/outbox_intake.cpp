// SPDX-License-Identifier: MIT
// The first half of a row's life: received -> running -> done; and what a restart does with unfinished ones.
#include "delivery/failpoint.hpp"
#include "delivery/outbox_store.hpp"
#include "jiro/delivery/errors.hpp"

#include <algorithm>

namespace jiro::delivery {

namespace {

#define JIRO_UNFINISHED " WHERE state IN ('received', 'running')"

// One of version 0.1 is not: it is another hash.
bool is_comparable(std::string_view fingerprint) {
    const auto half = fingerprint.size() / 2;
    return fingerprint.substr(0, half) == fingerprint.substr(half);
}

// What the row is, and what that means for an operator who wants something else of it.
Error wrong_state(StoredState state) {
    const auto because = [&](const char* what) { return Error(errc::wrong_state, what); };
    switch (state) {
        case StoredState::received:
        case StoredState::running:
            return because("it has no result yet; while the daemon runs, `jiro-client cancel` ends it");
        case StoredState::delivered:
            return because("it is delivered: the server has confirmed its result, and nothing is left to be done");
        case StoredState::forgotten:
            return because("it was delivered, or dropped: only its id is kept, and nothing is left to be done");
        case StoredState::done:
        case StoredState::dead:
            break;  // what may be asked for then is another matter
    }
    return Error(errc::wrong_state);
}

}  // namespace

std::optional<OutboxStore::Found> OutboxStore::find(const std::string& id) {
    if (const auto known = known_.find(id); known != known_.end()) return known->second;
    Statement& row = database_.use(
        "SELECT sequence, state, coalesce(length(payload), 0), coalesce(length(message), 0), coalesce(length(whole), "
        "0), kind FROM commands WHERE id = ?");
    const Cursor cursor(row);
    if (!row.bind(id).step()) return std::nullopt;
    const auto bytes = [&](int column) { return static_cast<std::uint64_t>(row.integer(column)); };
    return Found{row.integer(0), state_from(row.bytes(1)), bytes(2), bytes(3), bytes(4), outcome_from(row.bytes(5))};
}

Result<OutboxStore::Found> OutboxStore::find_in(const std::string& id, std::initializer_list<StoredState> states) {
    const auto found = find(id);
    if (!found) return Error(errc::unknown_id);
    if (std::ranges::find(states, found->state) == states.end()) return wrong_state(found->state);
    return *found;
}

AdmissionResult OutboxStore::received(const Receipt& receipt, FirstState state, const Moment& now) {
    const bool has_rows = has_room_for_row();
    const bool has_bytes = has_room_for(receipt.payload.size() + kRowOverhead);
    RowChange change;
    change.id = receipt.id;
    change.received = ReceivedChange::of(receipt, state);
    if (!(has_rows && has_bytes && insert(change))) {
        if (const auto known = arrived_again(receipt, now)) return *known;
        if (!has_rows) return {Admission::refused, Error(errc::limit_rows)};
        if (!has_bytes) return {Admission::refused, Error(errc::limit_bytes)};
        // The row that was there is gone.
        if (!insert(change)) throw StorageError(storage_errc::statement_failed, "the table and its index disagree");
    }
    JIRO_FAILPOINT("c0_before_received_commit");
    return {Admission::accepted, std::nullopt};
}

std::optional<AdmissionResult> OutboxStore::arrived_again(const Receipt& receipt, const Moment& now) {
    auto found = find(receipt.id);
    if (!found) return std::nullopt;
    bool is_same = true;
    WallTime settled;
    {
        Statement& row = database_.use("SELECT fingerprint, settled_at FROM commands WHERE sequence = ?");
        const Cursor cursor(row);
        if (!row.bind(found->sequence).step()) return std::nullopt;
        is_same = row.is_null(0) || !is_comparable(row.bytes(0)) || row.bytes(0) == view(receipt.fingerprint);
        settled = from_stored(row.integer(1));
    }
    if (found->is_remembered() && age_of(settled, now) > settings_.dedupe_window) {
        // Only the sweep has not been here yet.
        count(*found, -1);
        database_.use("DELETE FROM commands WHERE sequence = ?").bind(found->sequence).run();
        return std::nullopt;
    }
    if (!is_same) return AdmissionResult{Admission::conflicting_content, {}};
    if (found->is_unfinished()) return AdmissionResult{Admission::already_in_progress, {}};
    if (found->state != StoredState::done) {
        if (found->message_bytes == 0) {
            const auto kept = kept_message(found->sequence);
            if (!kept) return AdmissionResult{Admission::already_forgotten, {}, found->kind};
            put_message_back(receipt.id, *found, *kept);
        }
        make_due_again(receipt.id, *found, now);
    }
    return AdmissionResult{Admission::already_settled, {}, found->kind};
}

Result<> OutboxStore::started(const std::string& id) {
    auto found = find_in(id, {StoredState::received});
    if (!found) return found.error();
    database_.use("UPDATE commands SET state = 'running', starts = starts + 1 WHERE sequence = ? AND suspended_in <> ?")
        .bind(found->sequence, clock_.boot())
        .run();
    if (database_.changes() == 0) return Error(errc::wrong_state).with_prefix("it waits for the machine's restart");
    recount(id, *found, {found->sequence, StoredState::running, found->payload_bytes});
    JIRO_FAILPOINT("c2_before_running_commit");
    return {};
}

Result<> OutboxStore::suspended(const std::string& id, const Moment& now) {
    auto found = find_in(id, {StoredState::running});
    if (!found) return found.error();
    database_
        .use(
            "UPDATE commands SET state = 'received', starts = 0, resumes = resumes + 1, suspended_at = ?1,"
            " suspended_in = ?2 WHERE sequence = ?3")
        .bind(to_stored(now.here), clock_.boot(), found->sequence)
        .run();
    recount(id, *found, {found->sequence, StoredState::received, found->payload_bytes});
    return {};
}

Result<> OutboxStore::not_again(const std::string& id) {
    const auto found = find_in(id, {StoredState::running});
    if (!found) return found.error();
    database_.use("UPDATE commands SET idempotent = 0 WHERE sequence = ?").bind(found->sequence).run();
    return {};
}

Result<> OutboxStore::finished(const std::string& id, Outcome kind, std::string_view message, Lease lease,
                               const Moment& now) {
    const auto found = find(id);
    if (found && !found->is_unfinished()) return Error(errc::wrong_state);
    if (!found) {
        // A command that was refused before it was journaled: a flood of them must not fill the disk.
        if (!has_room_for_row()) return Error(errc::limit_rows);
        if (!has_room_for(message.size())) return Error(errc::limit_bytes);
    }
    set_done(found, {id, kind, message, lease, now.here});
    JIRO_FAILPOINT("c5_before_done_commit");
    return {};
}

void OutboxStore::set_done(std::optional<Found> unfinished, const FinishedChange& outcome) {
    const auto kind = to_string(outcome.kind);
    const auto at = to_stored(outcome.at);
    const auto sum = message_sum(outcome.id, kind, outcome.message);
    const std::string id(outcome.id);
    Found done{0, StoredState::done, 0, outcome.message.size(), 0, outcome.kind};
    if (unfinished) {
        done.sequence = unfinished->sequence;
        database_
            .use(
                "UPDATE commands SET state = 'done', kind = ?, message = ?, message_sum = ?, finished_at = ?, due_at = "
                "?, payload = NULL WHERE sequence = ?")
            .bind(kind, Blob{outcome.message}, sum, at, at, done.sequence)
            .run();
        recount(id, *unfinished, done);
    } else {
        database_
            .use(
                "INSERT INTO commands (id, state, received_at, run_before, idempotent, receipt_sum, kind, message, "
                "message_sum, finished_at, due_at) VALUES (?, 'done', ?, 0, 0, ?, ?, ?, ?, ?, ?)")
            .bind(id, at, receipt_sum(id, {}, {}), kind, Blob{outcome.message}, sum, at, at)
            .run();
        count(done);
    }
    if (outcome.lease == Lease::yes) leased_.add(id);
}

// Running rows first: there are few, and whoever waits for them is owed the outcome now. Those that run again line up
// with the others, by their age.
Recovery OutboxStore::recover(const MakeOutcome& make, const GoesOn& goes_on, RowSpan& rest, const Moment& now) {
    Recovery recovery;
    known_.clear();
    if (!rest.until) {
        database_.use("UPDATE commands SET due_at = finished_at WHERE state = 'done' AND due_at IS NULL")
            .run();  // damage
        rest.until = database_.integer("SELECT coalesce(max(sequence), 0) FROM commands" JIRO_UNFINISHED);
        for (RowSpan running = rest; running.after < *running.until;) {
            for (auto& command : next_unfinished("running", running, recovery, now)) {
                const Receipt& receipt = command.receipt;
                if (goes_on && goes_on(receipt.id)) {
                    recovery.running.push_back(std::move(command));
                } else if (!receipt.idempotent || command.starts >= kMaxStarts) {
                    fail_interrupted(receipt, make, recovery, now);
                } else {
                    database_.use("UPDATE commands SET state = 'received' WHERE id = ?").bind(receipt.id).run();
                }
            }
        }
    }
    recovery.to_run = next_unfinished("received", rest, recovery, now);
    recovery.is_all = rest.after >= *rest.until;
    return recovery;
}

// The readable ones of the next rows in that state, as many as fit into memory at once; `rest` begins behind them.
std::vector<RecoveredCommand> OutboxStore::next_unfinished(std::string_view state, RowSpan& rest, Recovery& recovery,
                                                           const Moment& now) {
    std::vector<RecoveredCommand> rows;
    std::vector<std::pair<Found, RowProblem>> unreadable;
    {
        Statement& row = database_.use(
            "SELECT sequence, id, state, fingerprint, payload, received_at, run_before, idempotent, starts, "
            "receipt_sum, resumes, suspended_at, suspended_in FROM commands" JIRO_UNFINISHED
            " AND state = ? AND sequence > ? AND sequence <= ? ORDER BY sequence");
        const Cursor cursor(row);
        row.bind(state, rest.after, *rest.until);
        std::size_t bytes = 0;
        while (rows.size() + unreadable.size() < kRecoveredRows && bytes < kDueBytes) {
            if (!row.step()) {
                rest.after = *rest.until;
                break;
            }
            rest.after = row.integer(0);
            RecoveredCommand one;
            Receipt& receipt = one.receipt;
            receipt.id = row.text(1);
            const auto fingerprint = row.bytes(3);
            if (fingerprint.size() != receipt.fingerprint.size() ||
                row.integer(9) != receipt_sum(receipt.id, fingerprint, row.bytes(4))) {
                const Found found{row.integer(0), state_from(row.bytes(2)), row.bytes(4).size()};
                unreadable.push_back({found, {receipt.id, "damaged on disk before it ran to its end: effect unknown"}});
                continue;
            }
            std::copy(fingerprint.begin(), fingerprint.end(), receipt.fingerprint.begin());
            receipt.payload = row.text(4);
            bytes += receipt.payload.size();
            receipt.received_at = from_stored(row.integer(5));
            receipt.run_before = from_stored(row.integer(6));
            one.waited = age_of(receipt.received_at, now);
            receipt.idempotent = row.integer(7) != 0;
            one.starts = static_cast<int>(std::clamp<std::int64_t>(row.integer(8), 0, 1000));
            one.resumes = static_cast<int>(std::clamp<std::int64_t>(row.integer(10), 0, 1000));
            if (one.resumes > 0 && one.starts == 0) {
                one.suspended_for = age_of(from_stored(row.integer(11)), now);
                one.awaits_reboot = row.integer(12) == clock_.boot();
            }
            rows.push_back(std::move(one));
        }
    }
    for (auto& [found, problem] : unreadable) {
        set_dead(problem.id, found, problem.what, now);
        recovery.problems.push_back(std::move(problem));
    }
    return rows;
}

void OutboxStore::fail_interrupted(const Receipt& receipt, const MakeOutcome& make, Recovery& recovery,
                                   const Moment& now) {
    Bytes message;
    try {
        message = make(receipt);
    } catch (const std::exception& failure) {
        recovery.problems.push_back({receipt.id, std::string("its payload cannot be read: ") + failure.what()});
    }
    if (!message) {
        FinishedCommand command;
        command.message.command_sync_id = receipt.id;
        command.result = CommandResult::interrupted("interrupted: the client was restarted; effect unknown");
        message = serialise(std::move(command));
    }
    const auto done = finished(receipt.id, Outcome::interrupted, *message, Lease::no, now);
    if (!done) {
        recovery.problems.push_back({receipt.id, done.error().message});
    } else {
        recovery.interrupted.push_back(receipt);
    }
}

}  // namespace jiro::delivery
