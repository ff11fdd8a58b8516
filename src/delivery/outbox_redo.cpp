// SPDX-License-Identifier: MIT
// What the redo log holds, done in the database. No log outlives a reboot: its times are by the clock of this boot.
// These changes were promised when they were appended: no limit refuses them, and one that the row has behind it
// already is passed over.
#include <thread>

#include "delivery/outbox_store.hpp"

namespace jiro::delivery {

namespace {

// Then whoever waits for this processor has it, as somebody's command may: some hundred rows take milliseconds, and the
// scheduler would let them.
constexpr std::size_t kRowsAtATime = 8;

bool is_running(const RowChange& change) {
    return change.is_started || (change.received && change.received->state == FirstState::running);
}

StoredState state_of(const RowChange& change, bool is_kept) {
    if (change.delivered && change.finished) {
        return is_kept || change.finished->message.empty() ? StoredState::forgotten : StoredState::delivered;
    }
    if (change.finished) return StoredState::done;
    return is_running(change) ? StoredState::running : StoredState::received;
}

}  // namespace

void OutboxStore::note_redo_log(std::int64_t id, const std::string& path, RedoLog::Position redone_until) {
    note_fact("redo_log", id);
    note_fact("redo_log_path", path);
    note_redone(redone_until);
}

void OutboxStore::redo(const RowChanges& changes) {
    const auto& all = changes.all();
    const auto kept_at = keep_messages(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i % kRowsAtATime == 0 && settings_.path != kInMemory) std::this_thread::yield();
        redo(all[i], kept_at[i]);
    }
}

// Before the rows: a row without its message is worse than a message without its row.
std::vector<std::optional<KeptMessages::Position>> OutboxStore::keep_messages(const std::vector<RowChange>& changes) {
    std::vector<std::optional<KeptMessages::Position>> kept_at(changes.size());
    std::vector<std::string_view> messages;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (!changes[i].is_settled() || !kept_.has_room_for(changes[i].finished->message.size())) continue;
        messages.push_back(changes[i].finished->message);
        places.push_back(i);
    }
    if (messages.empty()) return kept_at;
    const auto positions = kept_.keep(messages);
    for (std::size_t i = 0; i < positions.size(); ++i) kept_at[places[i]] = positions[i];
    note_fact("kept_until", static_cast<std::int64_t>(kept_.end()));
    return kept_at;
}

void OutboxStore::redo(const RowChange& change, std::optional<KeptMessages::Position> kept_at) {
    if (change.received && insert(change, kept_at)) return;
    const std::string id(change.id);
    if (is_running(change)) (void)started(id);
    if (change.finished) {
        const auto found = find(id);
        FinishedChange outcome = *change.finished;
        if (change.delivered) outcome.lease = Lease::no;
        if (!found || found->is_unfinished()) {
            set_done(found, outcome);
        } else if (found->state == StoredState::done && outcome.lease == Lease::yes) {
            leased_.add(id);  // redone before, by a commit that was taken for a failed one
        }
    }
    if (change.delivered) delivered(id, change.delivered->at);
}

// The row as it is after all of its changes, of which the first is its receipt. False: there is one already.
bool OutboxStore::insert(const RowChange& change, std::optional<KeptMessages::Position> kept_at) {
    const ReceivedChange& receipt = *change.received;
    const bool is_done = change.finished.has_value();
    const FinishedChange outcome = change.finished.value_or(FinishedChange{});
    const auto state = state_of(change, kept_at.has_value());
    const bool is_settled = change.is_settled();
    const bool has_message = is_done && state != StoredState::forgotten;
    const auto kind = to_string(outcome.kind);
    const auto at = only_if(is_done, to_stored(outcome.at));
    const auto payload = is_done ? std::string_view() : receipt.payload;
    const auto message = has_message ? outcome.message : std::string_view();
    database_
        .use(
            "INSERT OR IGNORE INTO commands (id, state, fingerprint, received_at, run_before, idempotent, starts, "
            "receipt_sum, kind, finished_at, due_at, settled_at, message_sum, payload, message, kept_at, "
            "kept_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(change.id, to_string(state), Blob{view(receipt.fingerprint)}, to_stored(receipt.received_at),
              to_stored(receipt.run_before), receipt.idempotent ? 1 : 0, is_running(change) ? 1 : 0,
              receipt_sum(change.id, view(receipt.fingerprint), payload), only_if(is_done, kind), at, at,
              only_if(is_settled, to_stored(is_settled ? change.delivered->at : WallTime{})),
              only_if(is_done, message_sum(change.id, kind, outcome.message)), only_if(!is_done, Blob{payload}),
              only_if(has_message, Blob{message}),
              only_if(kept_at.has_value(), static_cast<std::int64_t>(kept_at.value_or(0))),
              only_if(kept_at.has_value(), static_cast<std::int64_t>(outcome.message.size())))
        .run();
    if (database_.changes() == 0) return false;
    const Found row{database_.last_insert(), state, payload.size(), message.size(), 0, only_if(is_done, outcome.kind)};
    count(row);
    if (is_settled) return true;
    const std::string id(change.id);
    know(id, row);
    if (is_done && outcome.lease == Lease::yes) leased_.add(id);
    // A result that was sent from memory, because finished() had failed: its row is still unfinished.
    if (change.delivered) delivered(id, change.delivered->at);
    return true;
}

std::vector<std::string> OutboxStore::ids_after(const std::string& after, std::size_t limit) {
    std::vector<std::string> ids;
    Statement& row = database_.use("SELECT id FROM commands WHERE id > ? ORDER BY id");
    const Cursor cursor(row);
    row.bind(after);
    while (ids.size() < limit && row.step()) ids.push_back(row.text(0));
    return ids;
}

}  // namespace jiro::delivery
