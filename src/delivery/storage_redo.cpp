// SPDX-License-Identifier: MIT
// The storage thread's side of the redo log: it is opened with the database, what is appended to it is redone there,
// and it is removed at a stop in good order.
#include <algorithm>
#include <utility>

#include "delivery/failpoint.hpp"
#include "delivery/log.hpp"
#include "delivery/storage_thread.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kLoadedAtOnce = 5'000;
constexpr std::uint64_t kLeastLogBytes = 1024 * 1024;

std::optional<WallTime> time_of(const RedoRecord& change) {
    if (const auto* received = std::get_if<ReceivedChange>(&change)) return received->received_at;
    if (const auto* finished = std::get_if<FinishedChange>(&change)) return finished->at;
    if (const auto* delivered = std::get_if<DeliveredChange>(&change)) return delivered->at;
    return std::nullopt;
}

}  // namespace

void RedoCounts::add(const RedoRecord& change) {
    if (std::holds_alternative<ReceivedChange>(change)) ++received;
    if (std::holds_alternative<FinishedChange>(change)) ++finished;
    if (std::holds_alternative<DeliveredChange>(change)) ++delivered;
}

void AtomicRedoCounts::add(const RedoRecord& change) {
    if (std::holds_alternative<ReceivedChange>(change)) ++received_;
    if (std::holds_alternative<FinishedChange>(change)) ++finished_;
    if (std::holds_alternative<DeliveredChange>(change)) ++delivered_;
}

RedoCounts AtomicRedoCounts::read() const {
    RedoCounts counts;
    counts.delivered = delivered_;
    counts.finished = finished_;
    counts.received = received_;
    return counts;
}

bool StorageThread::append(const RedoRecord& change) {
    RedoLog* const log = redo_log_;
    if (log == nullptr || !log->append(change)) return false;
    appended_.add(change);
    // Either the storage thread sees the change, or this sees that it has looked before: both sides are sequentially
    // consistent.
    const bool is_news = !has_appended_;
    if (is_news) first_finished_at_ = 0;
    if (const auto* finished = std::get_if<FinishedChange>(&change); finished != nullptr && first_finished_at_ == 0) {
        first_finished_at_ = to_stored(finished->at);
    }
    const bool is_much = !has_much_ && log->holds_much(looked_until_);
    if (!is_news && !is_much) return true;
    {
        const std::lock_guard lock(mutex_);
        has_appended_ = true;
        has_much_ = has_much_ || is_much;
    }
    wake_up_.notify_one();
    return true;
}

// With Durability power a change is not safe before the disk has it: the log is not used then, but what an earlier
// process left in it is redone all the same.
Result<> StorageThread::open_redo_log() {
    if (has_decided_redo_log_) return {};
    try {
        const auto known = store_->redo_log_id();
        if (const auto redone = redo_left_log(known); !redone) return redone;
        if (const auto opened = open_configured_redo_log(known); !opened) return opened;
        use_redo_log();
        has_decided_redo_log_ = true;
    } catch (const StorageError& error) {
        store_->roll_back();
        return Error(error.code, error.what());
    }
    return {};
}

// The setting was changed after a crash: what lies in the log of then belongs here all the same.
Result<> StorageThread::redo_left_log(std::int64_t known) {
    const auto path = store_->redo_log_path();
    if (known == 0 || path.empty() || path == settings_.redo_log) return {};
    auto log = RedoLog::find(path, known);
    if (!log) return log.error();
    if (!*log) return {};
    RedoCounts discarded_counts;
    const auto bytes = (*log)->end() - (*log)->start();
    const auto end = (*log)->end();
    redo(**log, {.end = end, .own_begin = end, .leave_from = end}, discarded_counts);
    (*log)->forget(end, RedoLog::Memory::give_back);
    note_redo_log(nullptr);
    (*log)->remove();
    outbox_log.debug("The redo log that was used before is redone and removed", {{"path", path}, {"bytes", bytes}});
    return {};
}

Result<> StorageThread::open_configured_redo_log(std::int64_t known) {
    wants_redo_log_ = !settings_.redo_log.empty() && settings_.durability == Durability::process;
    std::error_code ignored;
    const bool is_there = !settings_.redo_log.empty() && std::filesystem::exists(settings_.redo_log, ignored);
    if (!owned_redo_log_ && (wants_redo_log_ || is_there)) {
        // A small outbox has a small log: what is in it must find room there.
        const auto bytes = std::clamp<std::uint64_t>(settings_.max_bytes / 16, kLeastLogBytes, RedoLog::kBytes);
        auto log = RedoLog::open(settings_.redo_log, std::filesystem::absolute(settings_.path, ignored), known, bytes);
        if (log) {
            owned_redo_log_ = std::move(*log);
        } else if (log.error().code == errc::redo_log) {
            outbox_log.warn("No redo log: each step of a command waits for the database",
                            {{"reason", log.error().message}});
        } else {
            return log.error();
        }
    }
    return {};
}

void StorageThread::note_redo_log(const RedoLog* log) {
    store_->begin();
    if (log != nullptr) {
        store_->note_redo_log(log->id(), log->path().string(), redone_until(*log));
    } else {
        store_->note_redo_log(0, {}, 0);
    }
    store_->commit();
}

// The database knows which log belongs to it, until a stop in good order.
void StorageThread::use_redo_log() {
    const auto known = store_->redo_log_id();
    const auto id = owned_redo_log_ ? owned_redo_log_->id() : 0;
    if (known != 0 && known != id) {
        outbox_log.warn(
            "The redo log of the previous process is gone: unless the machine was restarted, its last steps are lost",
            {{"configured", settings_.redo_log.string()}});
    }
    const auto path = owned_redo_log_ ? owned_redo_log_->path().string() : std::string();
    if (known != id || store_->redo_log_path() != path) note_redo_log(owned_redo_log_.get());
    if (!owned_redo_log_) return;
    own_changes_begin_ = owned_redo_log_->end();
    const auto left = own_changes_begin_ - owned_redo_log_->start();
    outbox_log.debug("The redo log is open", {{"path", owned_redo_log_->path().string()}, {"bytes_to_redo", left}});
    if (wants_redo_log_) redo_log_ = owned_redo_log_.get();
}

bool StorageThread::catch_up(Redo what) {
    if (!owned_redo_log_) return true;
    RedoLog& log = *owned_redo_log_;
    const auto end = log.end();
    if (log.start() == end) {
        if (std::exchange(log_keeps_memory_, false)) log.give_memory_back();
        return true;
    }
    if (!store_) return false;
    const auto half = std::min(end, log.bytes() / 2);
    const Stretch stretch{.end = end,
                          .own_begin = own_changes_begin_,
                          .leave_from = what == Redo::all ? end : std::max(own_changes_begin_, end - half)};
    // What failed may have been cured: ballast given back, the file opened anew.
    if (!try_to_redo(log, stretch) && !(store_ && try_to_redo(log, stretch))) return false;
    looked_until_ = end;
    if (!wants_redo_log_) stop_redo_log();
    return true;
}

bool StorageThread::try_to_redo(RedoLog& log, const Stretch& stretch) {
    RedoCounts counts = redone_;
    try {
        const auto redone = redo(log, stretch, counts);
        redone_ = counts;
        std::erase_if(redone_ahead_, [&](auto at) { return at < redone.until; });
        redone_ahead_.insert(redone.ahead.begin(), redone.ahead.end());
        // Much comes at a time: the memory is wanted again at once.
        log.forget(redone.until, stretch.leaves_any() ? RedoLog::Memory::keep : RedoLog::Memory::give_back);
        log_keeps_memory_ = log_keeps_memory_ || stretch.leaves_any();
        return true;
    } catch (const StorageError& error) {
        store_->roll_back();
        recover_from(error.code, error.what());
        return false;
    }
}

// Records and the note of how far they are redone, in one transaction. A record
// - before that note: of the killed process, and passed over, since its row may have gone on;
// - of the killed process, behind the note: applied, without a lease;
// - of this process (from `own_begin` on): applied and counted. It is in the database already only when a commit was
//   reported as failed and is on the disk: to apply it again changes no row;
// - of a command in hand that began behind `leave_from`: left for the next time. Others behind it are redone ahead: the
//   note cannot say so, this process remembers it, and for the next one again no row changes.
StorageThread::Redone StorageThread::redo(const RedoLog& log, const Stretch& stretch, RedoCounts& counts) {
    const auto redone = redone_until(log);
    const auto is_redone = [&](RedoLog::Position at) {
        return at < stretch.own_begin ? at < redone : redone_ahead_.contains(at);
    };
    RowChanges changes;
    log.each(stretch.end, [&](RedoLog::Position at, RedoRecord& record) {
        const bool is_own = at >= stretch.own_begin;
        if (is_own) {
            if (const auto time = time_of(record)) now_ = {*time, *time + (now_.wall - now_.here)};
        }
        if (is_redone(at)) return;
        auto* finished = std::get_if<FinishedChange>(&record);
        if (!is_own && finished != nullptr) finished->lease = Lease::no;  // who had it in hand is gone
        changes.add(record, at);
    });
    Redone result{.until = changes.leave_in_hand(stretch.leave_from).value_or(stretch.end), .ahead = {}};
    log.each(stretch.end, [&](RedoLog::Position at, const RedoRecord& record) {
        if (at < stretch.own_begin || is_redone(at) || !changes.has(id_of(record))) return;
        counts.add(record);
        if (at >= result.until) result.ahead.push_back(at);
    });
    store_->begin();
    store_->redo(changes);
    if (store_->redo_log_id() == log.id()) {
        store_->note_redone(result.until);
    } else {
        store_->note_redo_log(log.id(), log.path().string(), result.until);  // the database was made anew
    }
    JIRO_FAILPOINT("c12_before_redo_commit");
    store_->commit();
    JIRO_FAILPOINT("c13_redone");
    return result;
}

// As the database says, or from the start when that cannot be: to redo a change twice changes nothing, to miss one
// does.
RedoLog::Position StorageThread::redone_until(const RedoLog& log) {
    if (store_->redo_log_id() != log.id()) return log.start();
    const auto said = store_->redone_until();
    for (auto at = log.start(); at < log.end(); (void)log.read(at)) {
        if (at == said) return said;
    }
    return said == log.end() ? said : log.start();
}

// Nothing of it is needed any more.
void StorageThread::stop_redo_log() {
    if (!owned_redo_log_ || !store_) return;
    redo_log_ = nullptr;
    try {
        note_redo_log(nullptr);
    } catch (const StorageError&) {
        return store_->roll_back();  // then the file stays, empty
    }
    owned_redo_log_->remove();
    owned_redo_log_.reset();
}

// A job, so that it comes after those that were submitted before: what they add is in the database when it is read.
class StorageThread::BeginLoading final : public StorageJob {
  public:
    explicit BeginLoading(StorageThread& storage) : StorageJob(Moment{}), storage_(storage) {}
    void run(OutboxStore&) override {}
    void complete(const std::optional<Error>&) override { storage_.must_load_ids_ = true; }
    [[nodiscard]] bool is_deferred() const override { return true; }

  private:
    StorageThread& storage_;
};

void StorageThread::load_seen_ids() { submit(std::make_unique<BeginLoading>(*this)); }

// A bounded number at a time. The ids that come into the database meanwhile are known to the filter already.
void StorageThread::load_ids_into_filter() {
    if (!must_load_ids_ || !store_) return;
    try {
        must_load_ids_ = store_->each_id(loaded_until_, kLoadedAtOnce, [this](std::string_view id) {
            seen_ids_.load(id);
            ++loaded_ids_;
        });
    } catch (const StorageError& error) {
        return recover_from(error.code, error.what());
    }
    if (must_load_ids_) return;
    loaded_until_.clear();
    seen_ids_.ready(std::exchange(loaded_ids_, 0));
}

}  // namespace jiro::delivery
