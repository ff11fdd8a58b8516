// SPDX-License-Identifier: MIT
// The second half of a row's life: done -> delivered -> forgotten, or -> dead.
#include "delivery/failpoint.hpp"
#include "delivery/outbox_rules.hpp"
#include "delivery/outbox_store.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kSweepRows = 500;
constexpr const char* kDamaged = "damaged on disk: the stored outcome does not match its checksum";
constexpr const char* kTooOld = "undelivered for longer than Outbox.MaxAgeHours";

}  // namespace

std::vector<DueRow> OutboxStore::due(std::size_t limit, const Moment& now) {
    std::vector<DueRow> rows;
    std::vector<Found> damaged;
    std::size_t bytes = 0;
    // Second round: rows that a clock set back put into the far future.
    const auto horizon = to_stored(now.here + kMaxPostponement);
    for (const auto& [from, to] :
         {std::pair{std::int64_t{INT64_MIN}, to_stored(now.here)}, std::pair{horizon, INT64_MAX}}) {
        Statement& row = database_.use(
            "SELECT sequence, id, kind, message, message_sum, finished_at, attempts, refusals, whole_sum, whole FROM "
            "commands"
            " WHERE state = 'done' AND due_at >= ? AND due_at <= ? ORDER BY due_at, sequence");
        const Cursor cursor(row);
        row.bind(from, to);
        while (rows.size() < limit && bytes < kDueBytes && row.step()) {
            auto id = row.text(1);
            if (leased_.contains(id)) continue;
            const auto kind = outcome_from(row.bytes(2));
            const auto message = row.bytes(3);
            if (!kind || row.integer(4) != message_sum(id, row.bytes(2), message)) {
                damaged.push_back({row.integer(0), "done", 0, message.size(), row.bytes(9).size()});
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
    for (const auto& row : damaged) set_dead(row, kDamaged, now);
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
    const auto found = find(id);
    if (!found || found->state == "delivered" || found->state == "forgotten") return;
    // Also from `running`: an outcome that could not be stored was sent from memory.
    const bool has_message = found->message_bytes > 0;
    database_
        .use(
            "UPDATE commands SET state = ?, settled_at = ?, payload = NULL, last_error = NULL, whole = NULL,"
            " whole_sum = NULL, boot = ? WHERE sequence = ?")
        .bind(has_message ? "delivered" : "forgotten", to_stored(at), clock_.boot(), found->sequence)
        .run();
    known_.remove(id);
    counts_.bytes -= found->bytes() + kRowOverhead;
    --(found->state == "done" ? counts_.pending : found->state == "dead" ? counts_.dead : counts_.unfinished);
    ++counts_.remembered;
    if (has_message) counts_.remembered_bytes += found->message_bytes + kRowOverhead;
    JIRO_FAILPOINT("c8_before_delivered_commit");
}

void OutboxStore::postponed(const Postponement& postponement) {
    leased_.remove(postponement.id);
    Statement& row = database_.use(
        "UPDATE commands SET attempts = ?, refusals = ?, due_at = coalesce(?, due_at),"
        " last_error = coalesce(nullif(?, ''), last_error) WHERE id = ? AND state = 'done'");
    row.bind(postponement.attempts, postponement.refusals, to_stored(postponement.due_at.value_or(WallTime{})),
             postponement.last_error, postponement.id);
    if (!postponement.due_at) row.bind_null(3);
    row.run();
}

Result<> OutboxStore::dead(const std::string& id, const std::string& reason, const Moment& now) {
    const auto found = find(id);
    if (!found) return Error(errc::unknown_id);
    if (found->state != "done") return Error(errc::wrong_state);
    leased_.remove(id);
    set_dead(*found, reason, now);
    return {};
}

void OutboxStore::set_dead(const Found& row, const std::string& reason, const Moment& now) {
    known_.clear();
    database_.use("UPDATE commands SET state = 'dead', settled_at = ?, last_error = ? WHERE sequence = ?")
        .bind(to_stored(now.here), reason, row.sequence)
        .run();
    --(row.state == "done" ? counts_.pending : counts_.unfinished);
    ++counts_.dead;
}

Result<> OutboxStore::replaced(const std::string& id, const Bytes& message) {
    const auto found = find(id);
    if (!found) return Error(errc::unknown_id);
    if (found->state != "done") return Error(errc::wrong_state);
    std::string kind;
    {
        Statement& row = database_.use("SELECT kind FROM commands WHERE sequence = ?");
        const Cursor cursor(row);
        if (row.bind(found->sequence).step()) kind = row.text(0);
    }
    database_
        .use(
            "UPDATE commands SET whole = coalesce(whole, message), whole_sum = coalesce(whole_sum, message_sum),"
            " message = ?, message_sum = ?, was_cut = 1 WHERE sequence = ?")
        .bind(Blob{*message}, message_sum(id, kind, *message), found->sequence)
        .run();
    known_.remove(id);
    counts_.bytes += message->size();
    if (found->whole_bytes > 0) counts_.bytes -= found->message_bytes;  // an earlier short form
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
        if (const auto found = find(id)) set_dead(*found, kTooOld, now);
    }
    return ids;
}

bool OutboxStore::remembers_too_much() const noexcept {
    const auto many = settings_.max_tombstones;
    const auto much = settings_.max_bytes / 4;
    return counts_.remembered > many + many / 4 || counts_.remembered_bytes > much + much / 4;
}

bool OutboxStore::sweep(const Moment& now) {
    // 1. Too old: the row goes.
    struct Old {
        std::int64_t sequence;
        std::uint64_t bytes;       // of its message here
        std::uint64_t kept_until;  // its message among the kept ones ends there
        bool has_message;
    };
    std::vector<Old> old;
    for (const bool has_message : {false, true}) {
        Statement& aged = database_.use(
            has_message
                ? "SELECT sequence, length(message), 0 FROM commands WHERE state = 'delivered' AND settled_at < ?"
                  " ORDER BY settled_at"
                : "SELECT sequence, 0, kept_at + kept_bytes FROM commands WHERE state = 'forgotten' AND settled_at < ?"
                  " ORDER BY settled_at");
        const bool are_too_many = counts_.remembered > settings_.max_tombstones + old.size();
        const Cursor cursor(aged);
        aged.bind(are_too_many ? INT64_MAX : to_stored(now.here - settings_.dedupe_window));
        const std::size_t limit = are_too_many
                                      ? std::min<std::size_t>(kSweepRows, counts_.remembered - settings_.max_tombstones)
                                      : kSweepRows;
        while (old.size() < limit && aged.step()) {
            old.push_back({aged.integer(0), static_cast<std::uint64_t>(aged.integer(1)),
                           static_cast<std::uint64_t>(aged.integer(2)), has_message});
        }
    }
    std::uint64_t kept_until = 0;
    for (const Old& row : old) {
        database_.use("DELETE FROM commands WHERE sequence = ?").bind(row.sequence).run();
        --counts_.remembered;
        if (row.has_message) counts_.remembered_bytes -= row.bytes + kRowOverhead;
        kept_until = std::max(kept_until, row.kept_until);
    }
    kept_.forget(kept_until);
    // 2. Too big: messages of remembered rows may take a quarter of what the outbox may; the id stays.
    std::size_t stripped = 0;
    while (counts_.remembered_bytes > settings_.max_bytes / 4 && stripped < kSweepRows) {
        std::int64_t sequence = 0;
        std::uint64_t bytes = 0;
        {
            Statement& row = database_.use(
                "SELECT sequence, length(message) FROM commands WHERE state = 'delivered' ORDER BY settled_at LIMIT 1");
            const Cursor cursor(row);
            if (!row.step()) break;
            sequence = row.integer(0);
            bytes = static_cast<std::uint64_t>(row.integer(1));
        }
        database_.use("UPDATE commands SET state = 'forgotten', message = NULL WHERE sequence = ?")
            .bind(sequence)
            .run();
        counts_.remembered_bytes -= bytes + kRowOverhead;
        ++stripped;
    }
    JIRO_FAILPOINT("c9_before_sweep_commit");
    return old.size() >= kSweepRows || stripped >= kSweepRows;
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

void OutboxStore::put_message_back(Found& row, const std::string& message) {
    database_
        .use(
            "UPDATE commands SET state = 'delivered', message = ?, kept_at = NULL, kept_bytes = NULL WHERE sequence = "
            "?")
        .bind(Blob{message}, row.sequence)
        .run();
    row.state = "delivered";
    row.message_bytes = message.size();
    counts_.remembered_bytes += message.size() + kRowOverhead;
}

void OutboxStore::make_due_again(const Found& row, const Moment& now) {
    known_.clear();
    database_
        .use(
            "UPDATE commands SET state = 'done', due_at = ?, attempts = 0, refusals = 0, settled_at = NULL WHERE "
            "sequence = ?")
        .bind(to_stored(now.here), row.sequence)
        .run();
    if (row.state == "dead") {
        --counts_.dead;
    } else if (row.state == "delivered") {
        --counts_.remembered;
        counts_.remembered_bytes -= row.message_bytes + kRowOverhead;
        counts_.bytes += row.message_bytes + kRowOverhead;
    }
    if (row.state != "done") ++counts_.pending;
}

}  // namespace jiro::delivery
