// SPDX-License-Identifier: MIT
// The durable outbox. Its promises:
//
// 1. `received` is committed before received() returns accepted; the caller acknowledges and runs only then. `running`
//    is committed before started() returns. The outcome and `done` are one transaction, committed before finished()
//    returns; nothing is sent before. `delivered` is written only after the server confirmed.
// 2. Committed means: with Durability process, given to the kernel: it survives kill -9 of this process, not a power
//    cut (then the last moments may be missing, the file is whole). It lies in the database, or, for a few moments, in
//    the redo log (redo/fast_path, redo/redo_log). With Durability power, synced: it survives both, as far as the disk
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
// hand and of leased rows, 4,096
//    rows on their way, a Bloom filter of 2 MiB, counters.
//
// Here: Outbox's functions as jobs of the storage thread. The thread and its group commit: storage_thread; what is done
// when the file fails: open_outbox; the rows and their SQL: outbox_store; the short way without the thread:
// redo/fast_path and redo/change_writer; the crash table: docs/delivery.md.
#include "jiro/delivery/sqlite_outbox.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "delivery/failpoint.hpp"
#include "delivery/redo/fast_path.hpp"
#include "delivery/storage_thread.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

namespace {

namespace asio = boost::asio;

enum class Purpose { admission, other };

// A job that somebody waits for: `work(store)` on the storage thread, its result given to the coroutine on its
// executor.
template <typename Value, typename Work, typename Handler>
class AwaitedJob final : public StorageJob {
  public:
    AwaitedJob(const Moment& now, Purpose purpose, const char* committed, Work work, Handler handler)
        : StorageJob(now),
          purpose_(purpose),
          committed_(committed),
          work_(std::move(work)),
          guard_(asio::get_associated_executor(handler)),
          handler_(std::move(handler)) {}

    void run(OutboxStore& store) override { value_.emplace(work_(store)); }

    void complete(const std::optional<Error>& failure) override {
        if (failure) {
            value_.emplace(*failure);
        } else {
            JIRO_FAILPOINT(committed_);
        }
    }

    [[nodiscard]] std::optional<Executor> executor() const override { return guard_.get_executor(); }

    void resume() override {
        guard_.reset();
        auto handler = std::move(handler_);
        std::move(handler)(std::move(*value_));
    }

    [[nodiscard]] bool is_admission() const override { return purpose_ == Purpose::admission; }

  private:
    const Purpose purpose_;
    [[maybe_unused]] const char* const committed_;  // name of the crash point after its commit
    Work work_;
    asio::executor_work_guard<asio::associated_executor_t<Handler>> guard_;
    Handler handler_;
    std::optional<Result<Value>> value_;
};

template <typename Work>
class DeferredJob final : public StorageJob {
  public:
    DeferredJob(const Moment& now, RowIs row, Work work) : StorageJob(now), row_(row), work_(std::move(work)) {}
    void run(OutboxStore& store) override { work_(store); }
    void complete(const std::optional<Error>&) override {}
    [[nodiscard]] bool is_deferred() const override { return true; }
    [[nodiscard]] bool is_dispensable() const override { return row_ == RowIs::doubtful; }

  private:
    const RowIs row_;
    Work work_;
};

class SqliteOutbox final : public Outbox {
  public:
    explicit SqliteOutbox(std::unique_ptr<StorageThread> storage)
        : storage_(std::move(storage)), fast_path_(*storage_) {}

    WallTime now() const override { return storage_->clock().here(); }

    Task<Result<Recovery>> recover(MakeOutcome make, GoesOn goes_on) override {
        using Part = std::pair<Recovery, RowSpan>;
        auto work = [make = std::move(make), goes_on = std::move(goes_on), rest = left_behind_,
                     now = moment()](OutboxStore& store) {
            RowSpan then = rest;
            auto recovery = store.recover(make, goes_on, then, now);
            return Result<Part>(Part(std::move(recovery), then));
        };
        auto part = co_await perform<Part>("c2_recovered", std::move(work));
        if (!part) {
            // Nothing new comes in: it could not be told from what the previous process left behind.
            if (!left_behind_.until) not_recovered_ = part.error();
            co_return part.error();
        }
        not_recovered_.reset();
        left_behind_ = part->second;
        for (const auto& command : part->first.running)
            fast_path_.note_received(command.receipt.id, FirstState::running);
        for (const auto& command : part->first.to_run)
            fast_path_.note_received(command.receipt.id, FirstState::received);
        co_return std::move(part->first);
    }

    Task<AdmissionResult> received(Receipt receipt, FirstState state) override {
        AdmissionResult refused;
        if (not_recovered_) {
            refused.reason = *not_recovered_;
            co_return refused;
        }
        if (fast_path_.received(receipt, state)) co_return AdmissionResult{Admission::accepted, {}};
        const char* committed = state == FirstState::running ? "c3_running_committed" : "c1_received_committed";
        const std::string id = receipt.id;
        fast_path_.note_known(id);
        auto work = [receipt = std::move(receipt), state, now = moment()](OutboxStore& store) {
            return Result<AdmissionResult>(store.received(receipt, state, now));
        };
        auto admission = co_await perform<AdmissionResult>(committed, std::move(work), Purpose::admission);
        if (admission && admission->admission == Admission::accepted) fast_path_.note_received(id, state);
        if (admission) co_return std::move(*admission);
        refused.reason = admission.error();
        co_return refused;
    }

    Task<Result<>> started(std::string id) override {
        if (fast_path_.started(id)) co_return Result<>();
        auto work = [id](OutboxStore& store) { return store.started(id); };
        auto started = co_await perform<void>("c3_running_committed", std::move(work));
        if (started) fast_path_.note_received(id, FirstState::running);
        co_return started;
    }

    // Always by the database, after what the redo log holds: the log does not outlive the boot that this waits for the
    // end of.
    Task<Result<>> suspended(std::string id) override {
        auto work = [id, now = moment()](OutboxStore& store) { return store.suspended(id, now); };
        auto suspended = co_await perform<void>("", std::move(work));
        if (suspended) fast_path_.note_finished(id);  // what follows goes the long way, too
        co_return suspended;
    }

    Task<Result<>> finished(std::string id, Outcome kind, Bytes message, Lease lease) override {
        if (fast_path_.finished(id, kind, *message, lease, now())) co_return Result<>();
        fast_path_.note_known(id);
        auto work = [id, kind, message = std::move(message), lease, now = moment()](OutboxStore& store) {
            return store.finished(id, kind, *message, lease, now);
        };
        auto finished = co_await perform<void>("c6_done_committed", std::move(work));
        if (finished) fast_path_.note_finished(id);
        co_return finished;
    }

    Task<Result<std::vector<DueRow>>> due(std::size_t limit) override {
        return perform<std::vector<DueRow>>("", [limit, now = moment()](OutboxStore& store) {
            return Result<std::vector<DueRow>>(store.due(limit, now));
        });
    }

    Task<Result<std::optional<WallTime>>> next_due() override {
        return perform<std::optional<WallTime>>(
            "", [](OutboxStore& store) { return Result<std::optional<WallTime>>(store.next_due()); });
    }

    void delivered(const std::string& id, RowIs row) override {
        if (row == RowIs::there && fast_path_.delivered(id, now())) return;
        submit_deferred([id, now = moment()](OutboxStore& store) { store.delivered(id, now.here); }, row);
    }

    void postponed(Postponement postponement) override {
        submit_deferred(
            [postponement = std::move(postponement)](OutboxStore& store) { store.postponed(postponement); });
    }

    void released(std::vector<std::string> ids) override { storage_->release(std::move(ids)); }

    Task<Result<>> dead(std::string id, std::string reason) override {
        return perform<void>("", [id = std::move(id), reason = std::move(reason), now = moment()](OutboxStore& store) {
            return store.dead(id, reason, now);
        });
    }

    Task<Result<>> replaced(std::string id, Bytes message) override {
        return perform<void>("", [id = std::move(id), message = std::move(message)](OutboxStore& store) {
            return store.replaced(id, *message);
        });
    }

    Task<Result<>> make_all_due_now() override {
        return perform<void>("", [now = moment()](OutboxStore& store) {
            store.make_all_due_now(now);
            return Result<>();
        });
    }

    Task<Result<std::vector<std::string>>> expire(Duration max_age, int attempts, std::size_t limit) override {
        return perform<std::vector<std::string>>("", [max_age, attempts, limit, now = moment()](OutboxStore& store) {
            return Result<std::vector<std::string>>(store.expire(max_age, attempts, limit, now));
        });
    }

    Task<Result<std::vector<RowSummary>>> list(ListPage page) override {
        return perform<std::vector<RowSummary>>("", [page, now = moment()](OutboxStore& store) {
            return Result<std::vector<RowSummary>>(store.list(page, now));
        });
    }

    Task<Result<RowDetails>> show(std::string id) override {
        return perform<RowDetails>(
            "", [id = std::move(id), now = moment()](OutboxStore& store) { return store.show(id, now); });
    }

    Task<Result<>> retry(std::string id, Resend what) override {
        return perform<void>(
            "", [id = std::move(id), what, now = moment()](OutboxStore& store) { return store.retry(id, what, now); });
    }

    Task<Result<std::uint64_t>> retry_all_dead() override {
        return perform<std::uint64_t>(
            "", [now = moment()](OutboxStore& store) { return Result<std::uint64_t>(store.retry_all_dead(now)); });
    }

    Task<Result<>> drop(std::string id) override {
        return perform<void>("",
                             [id = std::move(id), now = moment()](OutboxStore& store) { return store.drop(id, now); });
    }

    void set_dedupe_window(std::chrono::hours window) override { storage_->set_dedupe_window(window); }

    OutboxFigures figures() const override { return storage_->figures(); }

  private:
    // The clock belongs to the event loop: the moment is taken here and travels with the job.
    [[nodiscard]] Moment moment() const { return storage_->clock().now(); }

    // `committed` is the crash point between the commit and whoever waits for it.
    template <typename Value, typename Work>
    Task<Result<Value>> perform(const char* committed, Work work, Purpose purpose = Purpose::other) {
        const auto initiate = [&](auto handler) {
            using Handler = decltype(handler);
            storage_->submit(std::make_unique<AwaitedJob<Value, Work, Handler>>(moment(), purpose, committed,
                                                                                std::move(work), std::move(handler)));
        };
        co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Result<Value>)>(initiate,
                                                                                                            kAwait);
    }

    template <typename Work>
    void submit_deferred(Work work, RowIs row = RowIs::there) {
        storage_->submit(std::make_unique<DeferredJob<Work>>(moment(), row, std::move(work)));
    }

    const std::unique_ptr<StorageThread> storage_;
    FastPath fast_path_;
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
