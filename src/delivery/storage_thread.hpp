// SPDX-License-Identifier: MIT
#pragma once
// The one thread that enters the database. Jobs wait in a queue; what waits together is done in one transaction and
// completed when that is committed (group commit), and those who wait are resumed together, by one message to their
// thread: the more there is to do, the less each costs. Deferred jobs wait for others to share a commit with, at most
// kGroupCommitDelay. When a transaction fails, its jobs are done again one by one, so that one bad job spoils nothing
// for the others; what a failure means for the file (full, damaged, poisoned) is decided in recover_from.
//
// Beside the jobs there is the redo log (storage_redo.cpp): changes that the event loop has committed by itself. They
// come first: no job sees the database without what was appended before the job was submitted.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>
#include "jiro/base/task.hpp"

#include "delivery/outbox_clock.hpp"
#include "delivery/outbox_files.hpp"
#include "delivery/outbox_store.hpp"
#include "delivery/redo/seen_ids.hpp"

namespace jiro::delivery {

class StorageJob {
  public:
    explicit StorageJob(const Moment& now) : now_(now) {}
    virtual ~StorageJob() = default;

    // May run more than once (after a roll-back): changes nothing but the store and its own result.
    virtual void run(OutboxStore& store) = 0;
    // Committed, or failed for good: what whoever waits is to be told. Still on the storage thread.
    virtual void complete(const std::optional<Error>& failure) = 0;
    // Where whoever waits lives, and how it is told, there. None: nobody waits.
    [[nodiscard]] virtual std::optional<Executor> executor() const { return std::nullopt; }
    virtual void resume() {}
    // Nobody waits for it: it is repeated until it succeeds.
    [[nodiscard]] virtual bool is_deferred() const { return false; }
    // Of lazy ones: when many are to be repeated already, it is not.
    [[nodiscard]] virtual bool is_dispensable() const { return false; }
    // New work is refused while the disk is full; what is in hand may be finished.
    [[nodiscard]] virtual bool is_admission() const { return false; }

    [[nodiscard]] const Moment& now() const noexcept { return now_; }

  private:
    Moment now_;
};

// Changes by what they do to the figures.
struct RedoCounts {
    std::uint64_t received = 0;
    std::uint64_t finished = 0;
    std::uint64_t delivered = 0;

    void add(const RedoRecord& change);
};

// The same, counted by one thread and read by others. read() loads delivered, finished and received in this order, so
// that their differences are never negative.
class AtomicRedoCounts {
  public:
    void add(const RedoRecord& change);
    [[nodiscard]] RedoCounts read() const;

  private:
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> finished_{0};
    std::atomic<std::uint64_t> delivered_{0};
};

class StorageThread {
  public:
    // Opens the outbox and starts the thread. Fails on errc::in_use only: whatever else keeps it closed may pass.
    [[nodiscard]] static Result<std::unique_ptr<StorageThread>> start(const OutboxSettings& settings,
                                                                      const Clock& clock);
    ~StorageThread();  // does what waits, closes, joins
    StorageThread(const StorageThread&) = delete;
    StorageThread& operator=(const StorageThread&) = delete;

    void submit(std::unique_ptr<StorageJob> job);
    void release(std::vector<std::string> ids);  // gives held ids free
    // For every job that is submitted after it.
    void set_dedupe_window(std::chrono::hours window) noexcept { dedupe_hours_ = window.count(); }
    [[nodiscard]] OutboxFigures figures() const;
    [[nodiscard]] const OutboxClock& clock() const noexcept { return clock_; }

    // The redo log, from the event loop. append() false: there is no log, or it has no room; nothing was done.
    [[nodiscard]] bool append(const RedoRecord& change);
    // Whether the database can take what is appended; whether it also has room for new commands.
    [[nodiscard]] bool takes_changes() const noexcept { return takes_changes_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool admits_changes() const noexcept { return admits_changes_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool has_redo_log() const noexcept { return redo_log_.load() != nullptr; }
    [[nodiscard]] SeenIds& seen_ids() noexcept { return seen_ids_; }
    void load_seen_ids();  // after SeenIds::begin()

  private:
    using Jobs = std::vector<std::unique_ptr<StorageJob>>;
    using SteadyTime = std::chrono::steady_clock::time_point;
    enum class Redo { all, settled };  // settled: commands in hand may stay in the log for the next time

    StorageThread(const OutboxSettings& settings, const Clock& clock);

    void serve();
    bool take_batch(Jobs& batch);  // false: stop
    [[nodiscard]] Redo what_to_redo(const Jobs& batch) const;
    void do_batch(Jobs batch);
    [[nodiscard]] std::optional<Error> attempt(const Jobs& batch);
    void do_one(std::unique_ptr<StorageJob> job);
    [[nodiscard]] bool must_refuse_for_space(const StorageJob& job) const;
    void complete_job(std::unique_ptr<StorageJob> job, const std::optional<Error>& failure);
    void resume_waiters();
    void take_settings();
    void maintain();  // between batches: reopen, make room, sweep
    void repeat();    // the lazy jobs that failed
    void note_wall_clock();
    void release_held();

    // The redo log.
    [[nodiscard]] Result<> open_redo_log();  // an error: the outbox must stay closed
    [[nodiscard]] Result<> redo_left_log(std::int64_t known);
    [[nodiscard]] Result<> open_configured_redo_log(std::int64_t known);
    void use_redo_log();
    void note_redo_log(const RedoLog* log);  // null: none
    [[nodiscard]] bool catch_up(Redo what);  // false: the log holds changes that the database cannot take now
    struct Stretch {                         // of the log
        RedoLog::Position end;
        RedoLog::Position own_begin;
        RedoLog::Position leave_from;
        [[nodiscard]] bool leaves_any() const noexcept { return leave_from < end; }
    };
    struct Redone {
        RedoLog::Position until;
        std::vector<RedoLog::Position> ahead;  // records behind `until`
    };
    [[nodiscard]] bool try_to_redo(RedoLog& log, const Stretch& stretch);
    Redone redo(const RedoLog& log, const Stretch& stretch, RedoCounts& counts);
    [[nodiscard]] RedoLog::Position redone_until(const RedoLog& log);
    void stop_redo_log();
    class BeginLoading;
    void load_ids_into_filter();

    // Each leaves the store open, or closed with closed_because_ saying why.
    [[nodiscard]] Result<> open_store();
    void recover_from(storage_errc code, const std::string& what);
    [[nodiscard]] bool is_sound(const std::string& what);
    void rebuild(const std::string& what);
    [[nodiscard]] std::uint64_t take_over_damaged();
    void note_full(const std::string& what);
    void publish();

    OutboxSettings settings_;
    OutboxClock clock_;
    OutboxFiles files_;
    LeasedIds leased_;
    std::unique_ptr<OutboxStore> store_;  // null while the file cannot be opened

    // Of the storage thread only.
    std::optional<Error> closed_because_;
    std::string lasting_problem_;   // what an operator should know until the next start
    bool must_checkpoint_ = false;  // a flush may have failed: what is in the file may not be on the disk
    std::uint64_t storage_errors_ = 0;
    bool is_full_ = false;
    bool is_low_ = false;
    bool has_more_to_sweep_ = false;
    bool had_much_ = false;  // why it is awake
    Moment now_;             // as the latest job's caller, or the latest change's, saw it
    SteadyTime next_open_{};
    SteadyTime next_look_{};
    SteadyTime next_sweep_{};
    SteadyTime next_rebuild_{};
    Jobs repeated_;   // lazy jobs that failed
    Jobs completed_;  // whoever waits for them is to be resumed
    std::vector<std::string> to_release_;
    std::unique_ptr<RedoLog> owned_redo_log_;
    bool log_keeps_memory_ = false;      // since much came at a time
    bool has_decided_redo_log_ = false;  // there is one, or there will be none
    bool wants_redo_log_ = false;
    bool is_caught_up_ = true;
    RedoLog::Position own_changes_begin_ = 0;  // before it: those of the previous process
    RedoCounts redone_;
    std::set<RedoLog::Position> redone_ahead_;  // records behind the log's start
    std::string loaded_until_;                  // the id up to which the filter has learned the database
    std::uint64_t loaded_ids_ = 0;
    bool must_load_ids_ = false;

    // Of both threads.
    std::atomic<RedoLog*> redo_log_{nullptr};
    std::atomic<bool> takes_changes_{false};
    std::atomic<bool> admits_changes_{false};
    std::atomic<bool> has_appended_{false};  // since the storage thread last looked
    std::atomic<bool> has_much_{false};
    std::atomic<RedoLog::Position> looked_until_{0};  // where the log ended when the storage thread last looked
    std::atomic<std::chrono::hours::rep> dedupe_hours_;
    AtomicRedoCounts appended_;  // by this process
    std::atomic<std::int64_t> first_finished_at_{
        0};  // of what was appended since the storage thread last looked; 0: none
    SeenIds seen_ids_;

    mutable std::mutex mutex_;
    std::condition_variable wake_up_;
    Jobs queue_;
    std::vector<std::string> released_;
    std::size_t urgent_ = 0;  // jobs in queue_ that somebody waits for
    bool must_stop_ = false;
    OutboxFigures figures_;
    RedoCounts published_redone_;

    std::thread thread_;
};

}  // namespace jiro::delivery
