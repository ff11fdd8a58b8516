// SPDX-License-Identifier: MIT
#include "delivery/redo/change_writer.hpp"

#include <algorithm>
#include <utility>

#include "delivery/failpoint.hpp"
#include "delivery/log.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

constexpr std::uint64_t kLeastLogBytes = 1024 * 1024;
constexpr std::size_t kBytesInMemory = 256 * 1024;  // a quarter is redone at once, on the event loop: a millisecond

std::optional<WallTime> time_of(const RedoRecord& change) {
    if (const auto* received = std::get_if<ReceivedChange>(&change)) return received->received_at;
    if (const auto* finished = std::get_if<FinishedChange>(&change)) return finished->at;
    if (const auto* delivered = std::get_if<DeliveredChange>(&change)) return delivered->at;
    return std::nullopt;
}

// As the database says, or from the start when that cannot be: to redo a change twice changes nothing, to miss one
// does.
RedoLog::Position redone_until(OutboxStore& store, const RedoLog& log) {
    if (store.redo_log_id() != log.id()) return log.start();
    const auto said = store.redone_until();
    for (auto at = log.start(); at < log.end(); (void)log.read(at)) {
        if (at == said) return said;
    }
    return said == log.end() ? said : log.start();
}

// A record of a process that is gone, applied without a lease: who had it in hand is gone as well.
void add_left_behind(RowChanges& changes, RedoRecord& record, RedoLog::Position at) {
    if (auto* finished = std::get_if<FinishedChange>(&record)) finished->lease = Lease::no;
    changes.add(record, at);
}

// The database knows which log belongs to it, until a stop in good order.
void note_log(OutboxStore& store, const RedoLog* log) {
    store.begin();
    if (log != nullptr) {
        store.note_redo_log(log->id(), log->path().string(), redone_until(store, *log));
    } else {
        store.note_redo_log(0, {}, 0);
    }
    store.commit();
}

}  // namespace

ChangeWriter::ChangeWriter(const OutboxSettings& settings)
    : settings_(settings),
      is_in_memory_(settings.path == kInMemory),
      wants_log_(is_in_memory_ || (!settings.redo_log.empty() && settings.durability == Durability::process)) {}

ChangeWriter::Appended ChangeWriter::append(const RedoRecord& change) {
    RedoLog* const log = log_;
    if (log == nullptr || !log->append(change)) return Appended::no;
    if (appended_.finished == appended_.delivered) first_finished_at_ = 0;
    appended_.add(change);
    // Either the storage thread sees the change, or this sees that it has looked before: both sides are sequentially
    // consistent.
    const bool is_news = !has_news_;
    if (is_news) first_finished_at_ = 0;
    if (const auto* finished = std::get_if<FinishedChange>(&change); finished != nullptr && first_finished_at_ == 0) {
        first_finished_at_ = to_stored(finished->at);
    }
    const bool is_much = !has_much_ && log->holds_much(looked_until_);
    if (!is_news && !is_much) return Appended::yes;
    has_news_ = true;
    if (is_much) has_much_ = true;
    return Appended::is_news;
}

bool ChangeWriter::note_looked() noexcept {
    has_news_ = false;
    return has_much_.exchange(false);
}

void ChangeWriter::add_appended(OutboxFigures& figures, const RedoneCounts& redone) const {
    // In this order, so that their differences are never negative.
    const auto delivered = appended_.delivered - redone.delivered;
    const auto finished = appended_.finished - redone.finished;
    const auto received = appended_.received - redone.received;
    figures.unfinished += received - std::min(finished, figures.unfinished + received);
    figures.pending += finished - std::min(delivered, figures.pending + finished);
    figures.remembered += delivered;
    if (const auto first = first_finished_at_.load(); finished > 0 && first != 0 && figures.pending > 0) {
        figures.oldest_undelivered = std::min(figures.oldest_undelivered.value_or(WallTime::max()), from_stored(first));
    }
    if (figures.pending == 0) figures.oldest_undelivered.reset();
}

// With room to spare for all that the log can hold, on the disk as well, where each byte is written twice: what is in
// it is refused by no limit any more, and a log that cannot be redone holds up what is to be delivered.
void ChangeWriter::admit(const OutboxFigures& figures, const OpenOutbox& store) {
    takes_changes_ = store.is_well() && is_caught_up_;
    const auto rows = figures.pending + figures.unfinished + figures.dead_letters;
    const std::size_t log_bytes = owned_log_ ? owned_log_->bytes() : 0;
    const bool has_room = rows + log_bytes / RedoLog::kLeastReceiptBytes <= settings_.max_rows &&
                          figures.bytes + log_bytes <= settings_.max_bytes &&
                          (is_in_memory_ || store.has_space(2 * log_bytes));
    admits_changes_ = takes_changes_ && figures.writable && has_room;
}

// With Durability power a change is not safe before the disk has it: the log is not used then, but what an earlier
// process left in it is redone all the same.
Result<> ChangeWriter::join(OutboxStore& store) {
    if (has_decided_) return {};
    const auto known = store.redo_log_id();
    if (const auto redone = redo_left_log(store, known); !redone) return redone;
    if (const auto opened = open_log(known); !opened) return opened;
    use_log(store);
    has_decided_ = true;
    return {};
}

// The setting was changed after a crash: what lies in the log of then belongs here all the same.
Result<> ChangeWriter::redo_left_log(OutboxStore& store, std::int64_t known) const {
    const auto path = store.redo_log_path();
    if (known == 0 || path.empty() || path == settings_.redo_log) return {};
    auto found = RedoLog::find(path, known);
    if (!found) return found.error();
    if (!*found) return {};
    RedoLog& log = **found;
    const auto end = log.end();
    const auto bytes = end - log.start();
    RowChanges changes;
    log.each(end, [&, redone = redone_until(store, log)](RedoLog::Position at, RedoRecord& record) {
        if (at >= redone) add_left_behind(changes, record, at);
    });
    store.begin();
    store.redo(changes);
    store.note_redone(end);
    store.commit();
    log.forget(end, RedoLog::Memory::give_back);
    note_log(store, nullptr);
    log.remove();
    outbox_log.debug("The redo log that was used before is redone and removed", {{"path", path}, {"bytes", bytes}});
    return {};
}

Result<> ChangeWriter::open_log(std::int64_t known) {
    if (owned_log_ || (!wants_log_ && settings_.redo_log.empty())) return {};
    // A small outbox has a small log: what is in it must find room there.
    const auto wanted = std::clamp<std::uint64_t>(settings_.max_bytes / 8, kLeastLogBytes, RedoLog::kBytes);
    const auto bytes = wants_log_ ? wanted : 0;
    std::error_code ignored;
    const auto outbox = std::filesystem::absolute(settings_.path, ignored);
    auto log =
        is_in_memory_ ? RedoLog::make_unnamed(kBytesInMemory) : RedoLog::open(settings_.redo_log, outbox, known, bytes);
    if (!log && log.error().code != errc::redo_log && log.error().code != errc::wrong_file) return log.error();
    if (log) {
        owned_log_ = std::move(*log);
    } else {
        outbox_log.warn("No redo log: each step of a command waits for the database",
                        {{"reason", log.error().message}});
    }
    return {};
}

void ChangeWriter::use_log(OutboxStore& store) {
    const auto known = store.redo_log_id();
    const auto id = owned_log_ ? owned_log_->id() : 0;
    if (known != 0 && known != id) {
        outbox_log.warn(
            "The redo log of the previous process is gone: unless the machine was restarted, its last steps are lost",
            {{"configured", settings_.redo_log.string()}});
    }
    const auto path = owned_log_ ? owned_log_->path().string() : std::string();
    if (known != id || store.redo_log_path() != path) note_log(store, owned_log_.get());
    if (!owned_log_) return;
    own_begin_ = owned_log_->end();
    outbox_log.debug("The redo log is open", {{"path", path}, {"bytes_to_redo", own_begin_ - owned_log_->start()}});
    if (wants_log_) log_ = owned_log_.get();
}

bool ChangeWriter::catch_up(OpenOutbox& store, Redo what, Moment& now) {
    is_caught_up_ = true;
    if (!owned_log_) return true;
    RedoLog& log = *owned_log_;
    const auto end = log.end();
    if (log.start() == end) {
        if (std::exchange(keeps_memory_, false)) log.give_memory_back();
        return true;
    }
    const auto half = std::min(end, log.bytes() / 2);
    const Stretch stretch{
        .end = end, .own_begin = own_begin_, .leave_from = what == Redo::all ? end : std::max(own_begin_, end - half)};
    // What failed may have been cured: ballast given back, the file opened anew.
    is_caught_up_ = redo_some(store, stretch, now) || redo_some(store, stretch, now);
    if (!is_caught_up_) return false;
    looked_until_ = end;
    if (!wants_log_) stop(store);
    return true;
}

bool ChangeWriter::redo_some(OpenOutbox& store, const Stretch& stretch, Moment& now) {
    Redone redone;
    const auto failure = store.transact([&](OutboxStore& open) {
        redone = redo(open, stretch, now);
        JIRO_FAILPOINT("c12_before_redo_commit");
    });
    if (failure) return false;
    JIRO_FAILPOINT("c13_redone");
    redone_ = redone.counts;
    std::erase_if(redone_ahead_, [&](auto at) { return at < redone.until; });
    redone_ahead_.insert(redone.ahead.begin(), redone.ahead.end());
    // Much comes at a time: the memory is wanted again at once.
    owned_log_->forget(redone.until, stretch.leaves_any() ? RedoLog::Memory::keep : RedoLog::Memory::give_back);
    keeps_memory_ = keeps_memory_ || stretch.leaves_any();
    return true;
}

// Records and the note of how far they are redone, in one transaction. A record
// - before that note: of the killed process, and passed over, since its row may have gone on;
// - of the killed process, behind the note: applied, without a lease;
// - of this process (from `own_begin` on): applied and counted;
// - of a command in hand that began behind `leave_from`: left for the next time. Others behind it are redone ahead: the
//   note cannot say so, this process remembers it, and for the next one again no row changes.
ChangeWriter::Redone ChangeWriter::redo(OutboxStore& store, const Stretch& stretch, Moment& now) const {
    const RedoLog& log = *owned_log_;
    const auto redone = redone_until(store, log);
    const auto is_redone = [&](RedoLog::Position at) {
        return at < stretch.own_begin ? at < redone : redone_ahead_.contains(at);
    };
    RowChanges changes;
    log.each(stretch.end, [&](RedoLog::Position at, RedoRecord& record) {
        const bool is_own = at >= stretch.own_begin;
        if (is_own) {
            if (const auto time = time_of(record)) now = {*time, *time + (now.wall - now.here)};
        }
        if (is_redone(at)) return;
        if (is_own) {
            changes.add(record, at);
        } else {
            add_left_behind(changes, record, at);
        }
    });
    Redone result;
    result.until = changes.leave_in_hand(stretch.leave_from).value_or(stretch.end);
    result.counts = redone_;
    log.each(stretch.end, [&](RedoLog::Position at, const RedoRecord& record) {
        if (at < stretch.own_begin || is_redone(at) || !changes.has(id_of(record))) return;
        result.counts.add(record);
        if (at >= result.until) result.ahead.push_back(at);
    });
    store.redo(changes);
    if (store.redo_log_id() == log.id()) {
        store.note_redone(result.until);
    } else {
        store.note_redo_log(log.id(), log.path().string(), result.until);  // the database was made anew
    }
    return result;
}

// What is appended to a file that has no name any more ends with this process.
void ChangeWriter::look_after(OpenOutbox& store, Moment& now) {
    if (!wants_log_ || is_in_memory_ || !owned_log_ || owned_log_->is_in_place()) return;
    owned_log_->hold();
    if (catch_up(store, Redo::all, now)) begin_anew(store);
    owned_log_->go_on();
}

// With nothing left in the old one. The database knows the new one before anything is appended to it.
void ChangeWriter::begin_anew(OpenOutbox& store) {
    const auto made = owned_log_->make_anew();
    const bool is_told = log_ == nullptr;
    if (!made && is_told) return;
    own_begin_ = owned_log_->end();
    redone_ahead_.clear();
    looked_until_ = 0;
    const auto failure = store.transact([&](OutboxStore& open) {
        open.note_redo_log(made ? owned_log_->id() : 0, made ? owned_log_->path().string() : std::string(), own_begin_);
    });
    if (failure) owned_log_->remove();  // tried again
    log_ = made && !failure ? owned_log_.get() : nullptr;
    if (log_ != nullptr) {
        outbox_log.warn("The redo log was removed or replaced: what it held is in the outbox, and a new one is made",
                        {{"path", owned_log_->path().string()}});
    } else if (!is_told) {
        outbox_log.warn("The redo log was removed or replaced: each step of a command waits for the database",
                        {{"reason", made ? failure->message : made.error().message}});
    }
}

// Nothing of it is needed any more.
void ChangeWriter::stop(OpenOutbox& store) {
    if (!owned_log_) return;
    log_ = nullptr;
    const auto failure = store.transact([](OutboxStore& open) { open.note_redo_log(0, {}, 0); });
    if (failure) return;  // then the file stays, empty
    owned_log_->remove();
    owned_log_.reset();
}

}  // namespace jiro::delivery
