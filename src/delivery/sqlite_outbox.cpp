// SPDX-License-Identifier: MIT
// The durable outbox. Its promises:
//
// 1. `received` is committed before received() returns accepted; the caller acknowledges and runs only then. `running`
//    is committed before started() returns. The outcome and `done` are one transaction, committed before finished()
//    returns; nothing is sent before. `delivered` is written only after the server confirmed.
// 2. Committed means: with Durability process, given to the kernel: it survives kill -9 of this process, not a power
//    cut (then the last moments may be missing, the file is whole). It lies in the database, or, for a few moments, in
//    the redo log (redo/redo_log). With Durability power, synced: it survives both, as far as the disk
//    keeps what it confirms.
// 3. delivered() and postponed() are deferred by up to 20 ms, to share a commit with others. To lose one costs a
//    duplicate or an early attempt, no more.
// 4. After a crash: `received` rows are given back to be run (those that were suspended: in another boot than they
//    were), `running` rows become `interrupted` (or run again, if idempotent, at most three times), `done` rows are
//    sent. Row by row: one that cannot be read becomes a dead letter.
// 5. The stored bytes are what is sent, each time. They change only when the server proves that they are too big for
//    it; the whole message then stays beside its short form until that is confirmed.
// 6. An id is remembered for DedupeWindowHours after its delivery (and at most max_tombstones of them): it is not run
//    again. That age and all others are elapsed time within a boot, wall time between two (outbox_clock).
// 7. A row is removed by the sweep only after that; by the operator's hand only its content. Nothing else deletes.
// 8. One process: a lock beside the file. A full disk, a read-only one, an unreadable or a newer file refuse new
//    commands by name, never stop the daemon, and are tried again by themselves. A damaged file is moved aside, what
//    can be read is taken over. A damaged WAL is mended, as far as that goes, before SQLite sees it (base/wal.hpp).
// 9. Memory does not grow with the number of rows (unless they are in memory). What is kept: the ids of commands in
//    hand and of leased rows, 4,096 rows on their way, a Bloom filter of 2 MiB, counters.
//
// Here: each of Outbox's functions, which goes one of two ways. The long one is a job of the storage thread. The short
// one is for commands about which there is no doubt: the step is committed by appending it to the redo log, on the
// event loop, without waiting for the thread. What is doubtful (an id that may be known, a change too long for the log,
// an outbox that is full, closed or has no log) goes the long way, which redoes the log first.
//
// The thread and its group commit: storage_thread; what is done when the file fails: open_outbox; the rows and their
// SQL: outbox_store; how the log gets into the database: redo/change_writer; the crash table: docs/delivery.md.
#include "jiro/delivery/sqlite_outbox.hpp"

#include <unordered_map>

#include "delivery/failpoint.hpp"
#include "delivery/redo/seen_ids.hpp"
#include "delivery/storage_thread.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kIdsAtOnce = 5'000;
constexpr std::chrono::seconds kLoadAgain{60};  // what failed

const char* committed_name(FirstState state) {
    return state == FirstState::running ? "c3_running_committed" : "c1_received_committed";
}

// What a step of the store gives, as whoever waits gets it: with the storage's own errors.
template <typename Given>
struct AnswerTo {
    using Type = Result<Given>;
};
template <typename Value>
struct AnswerTo<Result<Value>> {
    using Type = Result<Value>;
};
template <typename Work>
using AnswerOf = typename AnswerTo<std::invoke_result_t<Work&, OutboxStore&>>::Type;

class SqliteOutbox final : public Outbox {
  public:
    explicit SqliteOutbox(std::unique_ptr<StorageThread> storage) : storage_(std::move(storage)) { renew_filter(); }

    WallTime now() const override { return storage_->clock().here(); }

    Task<Result<Recovery>> recover(MakeOutcome make, GoesOn goes_on) override {
        RowSpan rest;
        auto work = [&, from = left_behind_, now = moment()](OutboxStore& store) {
            rest = from;
            return store.recover(make, goes_on, rest, now);
        };
        auto recovery = co_await perform("c2_recovered", std::move(work));
        if (!recovery) {
            // Nothing new comes in: it could not be told from what the previous process left behind.
            if (!left_behind_.until) not_recovered_ = recovery.error();
            co_return recovery;
        }
        not_recovered_.reset();
        left_behind_ = rest;
        for (const auto& command : recovery->running) in_hand_[command.receipt.id] = FirstState::running;
        for (const auto& command : recovery->to_run) in_hand_[command.receipt.id] = FirstState::received;
        co_return recovery;
    }

    Task<AdmissionResult> received(Receipt receipt, FirstState state) override {
        AdmissionResult admission;
        if (not_recovered_) {
            admission.reason = *not_recovered_;
            co_return admission;
        }
        renew_filter();
        const std::string id = receipt.id;
        const bool is_new = storage_->changes().admits_changes() && !seen_ids_.may_contain(id);
        if (is_new && append("c0_before_received_commit", ReceivedChange::of(receipt, state), committed_name(state))) {
            seen_ids_.add(id);
            admission.admission = Admission::accepted;
        } else {
            seen_ids_.add(id);  // before the database is asked
            auto work = [receipt = std::move(receipt), state, now = moment()](OutboxStore& store) {
                return store.received(receipt, state, now);
            };
            auto answer = co_await perform(committed_name(state), std::move(work), StorageJob::Kind::admission);
            if (answer) {
                admission = std::move(*answer);
            } else {
                admission.reason = answer.error();
            }
        }
        if (admission.admission == Admission::accepted) in_hand_[id] = state;
        co_return admission;
    }

    Task<Result<>> started(std::string id) override {
        const auto waiting = in_hand_.find(id);
        const bool waits = waiting != in_hand_.end() && waiting->second == FirstState::received;
        if (waits && storage_->changes().takes_changes() &&
            append("c2_before_running_commit", StartedChange{id}, "c3_running_committed")) {
            waiting->second = FirstState::running;
            co_return Result<>();
        }
        auto work = [&](OutboxStore& store) { return store.started(id); };
        auto started = co_await perform("c3_running_committed", std::move(work));
        if (started) in_hand_[id] = FirstState::running;
        co_return started;
    }

    Task<Result<>> not_again(std::string id) override {
        auto step = ask(&OutboxStore::not_again, id);
        co_return co_await std::move(step);
    }

    // Always by the database, after what the redo log holds: the log does not outlive the boot that this waits for the
    // end of. What follows goes the long way, too.
    Task<Result<>> suspended(std::string id) override {
        auto step = ask(&OutboxStore::suspended, id, moment());
        auto suspended = co_await std::move(step);
        if (suspended) in_hand_.erase(id);
        co_return suspended;
    }

    Task<Result<>> finished(std::string id, Outcome kind, Bytes message, Lease lease) override {
        if (in_hand_.contains(id) && storage_->changes().takes_changes() &&
            append("c5_before_done_commit", FinishedChange{id, kind, *message, lease, now()}, "c6_done_committed")) {
            in_hand_.erase(id);
            co_return Result<>();
        }
        seen_ids_.add(id);  // before the database is asked
        auto work = [&, now = moment()](OutboxStore& store) { return store.finished(id, kind, *message, lease, now); };
        auto finished = co_await perform("c6_done_committed", std::move(work));
        if (finished) in_hand_.erase(id);
        co_return finished;
    }

    // By the log also while the database takes nothing: that the server confirmed is worth keeping.
    void delivered(const std::string& id, RowIs row) override {
        if (row == RowIs::there) {
            in_hand_.erase(id);  // an outcome that could not be stored was sent from memory
            if (append("c8_before_delivered_commit", DeliveredChange{id, now()}, "")) return;
        }
        defer([id, now = now()](OutboxStore& store) { store.delivered(id, now); },
              row == RowIs::there ? StorageJob::Kind::confirmed : StorageJob::Kind::dispensable);
    }

    void postponed(Postponement postponement) override {
        defer([postponement = std::move(postponement)](OutboxStore& store) { store.postponed(postponement); });
    }

    void released(std::vector<std::string> ids) override { storage_->release(std::move(ids)); }

    Task<Result<std::vector<DueRow>>> due(std::size_t limit) override {
        return ask(&OutboxStore::due, limit, moment());
    }
    Task<Result<std::optional<WallTime>>> next_due() override { return ask(&OutboxStore::next_due); }
    Task<Result<>> dead(std::string id, std::string reason) override {
        return ask(&OutboxStore::dead, std::move(id), std::move(reason), moment());
    }
    Task<Result<>> replaced(std::string id, Bytes message) override {
        return ask(&OutboxStore::replaced, std::move(id), std::move(message));
    }
    Task<Result<>> make_all_due_now() override { return ask(&OutboxStore::make_all_due_now, moment()); }
    Task<Result<std::vector<std::string>>> expire(Duration max_age, int attempts, std::size_t limit) override {
        return ask(&OutboxStore::expire, max_age, attempts, limit, moment());
    }
    Task<Result<std::vector<RowSummary>>> list(ListPage page) override {
        return ask(&OutboxStore::list, page, moment());
    }
    Task<Result<RowDetails>> show(std::string id) override { return ask(&OutboxStore::show, std::move(id), moment()); }
    Task<Result<>> retry(std::string id, Resend what) override {
        return ask(&OutboxStore::retry, std::move(id), what, moment());
    }
    Task<Result<std::uint64_t>> retry_all_dead() override { return ask(&OutboxStore::retry_all_dead, moment()); }
    Task<Result<>> drop(std::string id) override { return ask(&OutboxStore::drop, std::move(id), moment()); }

    Task<> look_for_its_file() override {
        storage_->look_at_once();
        static_cast<void>(co_await next_due());
    }

    void set_dedupe_window(std::chrono::hours window) override { storage_->set_dedupe_window(window); }

    OutboxFigures figures() const override { return storage_->figures(); }

  private:
    // The clock belongs to the event loop: the moment is taken here and travels with the job.
    [[nodiscard]] Moment moment() const { return storage_->clock().now(); }

    // The short way, between its two crash points. False: nothing was done.
    [[nodiscard]] bool append([[maybe_unused]] const char* committing, const RedoRecord& change,
                              [[maybe_unused]] const char* committed) {
        JIRO_FAILPOINT(committing);
        if (!storage_->append(change)) return false;
        JIRO_FAILPOINT(committed);
        return true;
    }

    // The long way. `committed` is the crash point between the commit and whoever waits for it.
    template <typename Work>
    Task<AnswerOf<Work>> perform([[maybe_unused]] const char* committed, Work work,
                                 StorageJob::Kind kind = StorageJob::Kind::awaited) {
        std::optional<AnswerOf<Work>> answer;
        auto job = std::make_unique<StorageJob>();
        job->kind = kind;
        job->now = moment();
        job->run = [&](OutboxStore& store) { answer.emplace(work(store)); };
        job->complete = [&](const std::optional<Error>& failure) {
            if (failure) {
                answer.emplace(*failure);
            } else {
                JIRO_FAILPOINT(committed);
            }
        };
        auto resumed = until_resumed([&](Waiter waiter) {
            job->waiter.emplace(std::move(waiter));
            storage_->submit(std::move(job));
        });
        co_await std::move(resumed);
        co_return std::move(*answer);
    }

    // The same for what is one step of the store.
    template <typename Answer, typename... Wanted, typename... Given>
    Task<typename AnswerTo<Answer>::Type> ask(Answer (OutboxStore::*step)(Wanted...), Given... given) {
        return perform("",
                       [step, ... given = std::move(given)](OutboxStore& store) { return (store.*step)(given...); });
    }

    void defer(std::function<void(OutboxStore&)> work, StorageJob::Kind kind = StorageJob::Kind::deferred) {
        storage_->submit(std::make_unique<StorageJob>(StorageJob{kind, moment(), std::move(work)}));
    }

    void renew_filter() {
        if (!storage_->changes().has_log() || !seen_ids_.wants_filter()) return;
        const auto now = std::chrono::steady_clock::now();
        if (now < next_load_) return;
        next_load_ = now + kLoadAgain;
        seen_ids_.begin();
        load_ids({}, 0);
    }

    // A page at a time of what the database holds behind `after`. By a job, so that it comes after those that were
    // submitted before: what they add is in the database when it is read. What comes meanwhile the filter knows
    // already.
    void load_ids(std::string after, std::uint64_t loaded) {
        const auto ids = std::make_shared<std::vector<std::string>>();
        auto job = std::make_unique<StorageJob>();
        job->kind = StorageJob::Kind::deferred;
        job->run = [ids, after = std::move(after)](OutboxStore& store) { *ids = store.ids_after(after, kIdsAtOnce); };
        job->complete = [this, ids, loaded](const std::optional<Error>& failure) {
            if (failure) return seen_ids_.failed();
            if (storage_->must_stop()) return;
            for (const auto& id : *ids) seen_ids_.load(id);
            if (ids->size() == kIdsAtOnce) return load_ids(ids->back(), loaded + ids->size());
            seen_ids_.ready(loaded + ids->size());
        };
        storage_->submit(std::move(job));
    }

    SeenIds seen_ids_;
    std::chrono::steady_clock::time_point next_load_{};
    const std::unique_ptr<StorageThread> storage_;
    // What this process received and has not finished; their rows are in these states for certain.
    std::unordered_map<std::string, FirstState> in_hand_;
    std::optional<Error> not_recovered_;  // why recover() failed
    RowSpan left_behind_;                 // by the previous process, and not given out yet
};

}  // namespace

Result<std::unique_ptr<Outbox>> open_sqlite_outbox(const Clock& clock, OutboxSettings settings) {
    if (settings.path == kInMemory) {
        settings.redo_log.clear();
        settings.ballast_bytes = 0;
    }
    auto storage = StorageThread::start(settings, clock);
    if (!storage) return storage.error();
    return std::unique_ptr<Outbox>(std::make_unique<SqliteOutbox>(std::move(*storage)));
}

}  // namespace jiro::delivery
