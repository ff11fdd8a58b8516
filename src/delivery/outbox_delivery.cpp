// SPDX-License-Identifier: MIT
// The second half of a row's life: done -> delivered -> forgotten, or -> dead.
#include "delivery/failpoint.hpp"
#include "delivery/outbox_store.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kSweepRows = 500;
constexpr auto kLookForUnsigned = std::chrono::minutes(1);
constexpr const char* kDamaged = "damaged on disk: the stored outcome does not match its checksum";
constexpr const char* kTooOld = "undelivered for longer than Outbox.MaxAgeHours";

}  // namespace

std::vector<DueRow> OutboxStore::due(std::size_t limit, const Moment& now) {
    std::vector<DueRow> rows;
    std::vector<std::pair<std::string, Found>> damaged;
    std::size_t bytes = 0;
    // Second round: rows that a clock set back put into the far future.
    const auto horizon = to_stored(now.here + kMaxPostponement);
    for (const auto& [from, to] :
         {std::pair{std::int64_t{INT64_MIN}, to_stored(now.here)}, std::pair{horizon, INT64_MAX}}) {
        Statement& row = database_.use(
            "SELECT sequence, id, kind, message, message_sum, finished_at, attempts, refusals, whole_sum, whole FROM "
            "commands WHERE state = 'done' AND due_at >= ? AND due_at <= ? ORDER BY due_at, sequence");
        const Cursor cursor(row);
        row.bind(from, to);
        while (rows.size() < limit && bytes < kDueBytes && row.step()) {
            auto id = row.text(1);
            if (leased_.contains(id)) continue;
            const auto kind = outcome_from(row.bytes(2));
            const auto message = row.bytes(3);
            if (!kind || row.integer(4) != message_sum(id, row.bytes(2), message)) {
                damaged.push_back({id, {row.integer(0), StoredState::done, 0, message.size(), row.bytes(9).size()}});
                continue;
            }
            bytes += message.size() + row.bytes(9).size();
            DueRow one;
            one.whole = whole_of(row, 8, id, row.bytes(2));
            one.message = std::make_shared<const std::string>(message);
            one.kind = *kind;
            one.finished_at = std::min(from_stored(row.integer(5)), now.here);
            one.attempts = static_cast<int>(std::clamp<std::int64_t>(row.integer(6), 0, INT32_MAX / 2));
            one.refusals = static_cast<int>(std::clamp<std::int64_t>(row.integer(7), 0, 1000));
            one.id = std::move(id);
            rows.push_back(std::move(one));
        }
    }
    for (const auto& row : rows) leased_.add(row.id);
    for (auto& [id, row] : damaged) set_dead(id, row, kDamaged, now);
    return rows;
}

// Column `column` is its sum, the next one the message. One that was damaged on disk is none: the short form is sent.
Bytes OutboxStore::whole_of(Statement& row, int column, std::string_view id, std::string_view kind) const {
    if (row.is_null(column + 1)) return nullptr;
    const auto whole = row.bytes(column + 1);
    if (row.integer(column) != message_sum(id, kind, whole)) return nullptr;
    return std::make_shared<const std::string>(whole);
}

std::optional<WallTime> OutboxStore::next_due() {
    Statement& row = database_.use("SELECT id, due_at FROM commands WHERE state = 'done' ORDER BY due_at, sequence");
    const Cursor cursor(row);
    while (row.step()) {
        if (!leased_.contains(row.text(0))) return from_stored(row.integer(1));
    }
    return std::nullopt;
}

void OutboxStore::delivered(const std::string& id, WallTime at) {
    leased_.remove(id);
    auto found = find(id);
    if (!found || found->is_remembered()) return;
    // Also from `running`: an outcome that could not be stored was sent from memory.
    const auto state = found->message_bytes > 0 ? StoredState::delivered : StoredState::forgotten;
    database_
        .use(
            "UPDATE commands SET state = ?, settled_at = ?, payload = NULL, last_error = NULL, whole = NULL,"
            " whole_sum = NULL WHERE sequence = ?")
        .bind(to_string(state), to_stored(at), found->sequence)
        .run();
    recount(id, *found, {found->sequence, state, 0, found->message_bytes});
    JIRO_FAILPOINT("c8_before_delivered_commit");
}

void OutboxStore::postponed(const Postponement& postponement) {
    if (postponement.lease == Lease::no) leased_.remove(postponement.id);
    std::optional<std::int64_t> due_at;
    if (postponement.due_at) due_at = to_stored(*postponement.due_at);
    database_
        .use(
            "UPDATE commands SET attempts = ?, refusals = ?, due_at = coalesce(?, due_at),"
            " last_error = coalesce(nullif(?, ''), last_error) WHERE id = ? AND state = 'done'")
        .bind(postponement.attempts, postponement.refusals, due_at, postponement.last_error, postponement.id)
        .run();
}

Result<> OutboxStore::dead(const std::string& id, const std::string& reason, const Moment& now) {
    auto found = find_in(id, {StoredState::done});
    if (!found) return found.error();
    leased_.remove(id);
    set_dead(id, *found, reason, now);
    return {};
}

void OutboxStore::set_dead(const std::string& id, Found& row, const std::string& reason, const Moment& now) {
    database_.use("UPDATE commands SET state = 'dead', settled_at = ?, last_error = ? WHERE sequence = ?")
        .bind(to_stored(now.here), reason, row.sequence)
        .run();
    recount(id, row, {row.sequence, StoredState::dead, row.payload_bytes, row.message_bytes, row.whole_bytes});
}

Result<> OutboxStore::replaced(const std::string& id, const Bytes& message) {
    auto found = find_in(id, {StoredState::done});
    if (!found) return found.error();
    const auto kind = to_string(found->kind.value_or(Outcome::failed));  // due() gives out none without
    database_
        .use(
            "UPDATE commands SET whole = coalesce(whole, message), whole_sum = coalesce(whole_sum, message_sum),"
            " message = ?, message_sum = ? WHERE sequence = ?")
        .bind(Blob{*message}, message_sum(id, kind, *message), found->sequence)
        .run();
    const bool was_cut = found->whole_bytes > 0;
    recount(id, *found,
            {found->sequence, StoredState::done, 0, message->size(),
             was_cut ? found->whole_bytes : found->message_bytes, found->kind});
    return {};
}

Result<> OutboxStore::make_all_due_now(const Moment& now) {
    database_.use("UPDATE commands SET due_at = ?1 WHERE state = 'done' AND due_at > ?1 AND refusals = 0")
        .bind(to_stored(now.here))
        .run();
    return {};
}

std::vector<std::string> OutboxStore::expire(Duration max_age, int attempts, std::size_t limit, const Moment& now) {
    std::vector<std::string> ids;
    {
        Statement& row = database_.use(
            "SELECT id FROM commands WHERE state = 'done' AND finished_at < ? AND attempts >= ? ORDER BY finished_at");
        const Cursor cursor(row);
        row.bind(to_stored(now.here - max_age), attempts);
        while (ids.size() < limit && row.step()) {
            if (auto id = row.text(0); !leased_.contains(id)) ids.push_back(std::move(id));
        }
    }
    for (const auto& id : ids) {
        if (auto found = find(id)) set_dead(id, *found, kTooOld, now);
    }
    return ids;
}

bool OutboxStore::remembers_too_much() const noexcept {
    const auto many = settings_.max_tombstones;
    const auto much = settings_.max_bytes / 4;
    return counts_.remembered > many + many / 4 || counts_.remembered_bytes > much + much / 4;
}

bool OutboxStore::sweep(const Moment& now) {
    const auto removed = remove_old(now);
    const auto forgotten = forget_messages();
    JIRO_FAILPOINT("c9_before_sweep_commit");
    return removed >= kSweepRows || forgotten >= kSweepRows;
}

// Too old, or too many: the row goes. Those first that have no message here; of too many, the signed ones last: who
// sends them again may be the one who sent so many others.
std::size_t OutboxStore::remove_old(const Moment& now) {
#define JIRO_REMOVE_OLD(remembered)                                                                                \
    "DELETE FROM commands WHERE sequence IN (SELECT sequence FROM commands WHERE state = '" remembered             \
    "' AND settled_at < ? AND run_before < ? ORDER BY settled_at LIMIT ?) RETURNING coalesce(length(message), 0)," \
    " coalesce(kept_at + kept_bytes, 0)"
    std::size_t removed = 0;
    KeptMessages::Position kept_until = 0;
    const auto remove = [&](StoredState state, std::int64_t run_before) {
        const auto most = settings_.max_tombstones;
        const bool are_too_many = counts_.remembered > most;
        const std::uint64_t limit =
            std::min<std::uint64_t>(kSweepRows - removed, are_too_many ? counts_.remembered - most : kSweepRows);
        Statement& row = database_.use(state == StoredState::forgotten ? JIRO_REMOVE_OLD("forgotten")
                                                                       : JIRO_REMOVE_OLD("delivered"));
        const Cursor cursor(row);
        row.bind(are_too_many ? INT64_MAX : to_stored(now.here - settings_.dedupe_window), run_before,
                 static_cast<std::int64_t>(limit));
        for (; row.step(); ++removed) {
            count({0, state, 0, static_cast<std::uint64_t>(row.integer(0))}, -1);
            kept_until = std::max(kept_until, static_cast<KeptMessages::Position>(row.integer(1)));
        }
    };
    const auto remove_all = [&](std::int64_t run_before) {
        for (const auto state : {StoredState::forgotten, StoredState::delivered}) remove(state, run_before);
    };
    const bool were_too_many = counts_.remembered > settings_.max_tombstones;
    if (now.here >= none_unsigned_until_) {
        remove_all(to_stored(kRememberedWhateverComes) / 2);
        // To look through a million signed ones takes a while.
        if (were_too_many && removed == 0) none_unsigned_until_ = now.here + kLookForUnsigned;
    }
    remove_all(INT64_MAX);
    kept_.forget(kept_until);
    return removed;
}

// Messages of remembered rows may take a quarter of what the outbox may; of what is beyond only the id stays.
std::size_t OutboxStore::forget_messages() {
    std::vector<Found> rows;
    std::uint64_t bytes = 0;
    if (const auto most = settings_.max_bytes / 4; counts_.remembered_bytes > most) {
        Statement& row = database_.use(
            "SELECT sequence, length(message) FROM commands WHERE state = 'delivered' ORDER BY settled_at");
        const Cursor cursor(row);
        while (counts_.remembered_bytes > most + bytes && rows.size() < kSweepRows && row.step()) {
            rows.push_back({row.integer(0), StoredState::delivered, 0, static_cast<std::uint64_t>(row.integer(1))});
            bytes += rows.back().bytes() + kRowOverhead;
        }
    }
    for (const auto& row : rows) {
        database_.use("UPDATE commands SET state = 'forgotten', message = NULL WHERE sequence = ?")
            .bind(row.sequence)
            .run();
        count(row, -1);
        count({row.sequence, StoredState::forgotten});
    }
    return rows.size();
}

// The message of a row that has only its place; nullptr: another one took it since, or it cannot be read.
Bytes OutboxStore::kept_message(std::int64_t sequence) {
    Statement& row =
        database_.use("SELECT id, kind, message_sum, kept_at, kept_bytes FROM commands WHERE sequence = ?");
    const Cursor cursor(row);
    if (!row.bind(sequence).step() || row.is_null(3)) return nullptr;
    auto message =
        kept_.read(static_cast<KeptMessages::Position>(row.integer(3)), static_cast<std::size_t>(row.integer(4)));
    if (!message || row.integer(2) != message_sum(row.bytes(0), row.bytes(1), *message)) return nullptr;
    return std::make_shared<const std::string>(std::move(*message));
}

void OutboxStore::put_message_back(const std::string& id, Found& row, const std::string& message) {
    database_
        .use(
            "UPDATE commands SET state = 'delivered', message = ?, kept_at = NULL, kept_bytes = NULL WHERE sequence = "
            "?")
        .bind(Blob{message}, row.sequence)
        .run();
    recount(id, row, {row.sequence, StoredState::delivered, 0, message.size(), 0, row.kind});
}

void OutboxStore::make_due_again(const std::string& id, Found& row, const Moment& now) {
    database_
        .use(
            "UPDATE commands SET state = 'done', due_at = ?, attempts = 0, refusals = 0, settled_at = NULL WHERE "
            "sequence = ?")
        .bind(to_stored(now.here), row.sequence)
        .run();
    Found done = row;
    done.state = StoredState::done;
    recount(id, row, done);
}

}  // namespace jiro::delivery
