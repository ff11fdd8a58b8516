// SPDX-License-Identifier: MIT
#pragma once
// The one thread that enters the database (in memory: the event loop itself does). Jobs wait in a queue; what waits
// together is done in one transaction and completed when that is committed (group commit), and those who wait are
// resumed together, by one message to their thread: the more there is to do, the less each costs. Deferred jobs wait
// for others to share a commit with, at most kGroupCommitDelay. When a transaction fails, its jobs are done again one
// by one, so that one bad job spoils nothing for the others; what a failure means for the file is decided by
// OpenOutbox.
//
// Beside the jobs there are the changes that the event loop has committed by itself (redo/change_writer). They come
// first: no job sees the database without what was appended before the job was submitted.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "delivery/open_outbox.hpp"
#include "delivery/redo/change_writer.hpp"
#include "delivery/redo/seen_ids.hpp"
#include "jiro/base/task.hpp"

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

class StorageThread {
  public:
    // Opens the outbox and starts the thread. Fails on errc::in_use only: whatever else keeps it closed may pass. An
    // outbox in memory has no thread: a job is done where it is submitted, and what was appended is redone before it,
    // or when it is much.
    [[nodiscard]] static Result<std::unique_ptr<StorageThread>> start(const OutboxSettings& settings,
                                                                      const Clock& clock);
    ~StorageThread();  // does what waits, closes, joins
    StorageThread(const StorageThread&) = delete;
    StorageThread& operator=(const StorageThread&) = delete;

    void submit(std::unique_ptr<StorageJob> job);
    void release(std::vector<std::string> ids);  // gives leased ids free
    // For every job that is submitted after it.
    void set_dedupe_window(std::chrono::hours window) noexcept { dedupe_hours_ = window.count(); }
    [[nodiscard]] OutboxFigures figures() const;
    [[nodiscard]] const OutboxClock& clock() const noexcept { return store_.clock(); }

    // What the event loop commits by itself.
    [[nodiscard]] bool append(const RedoRecord& change);  // false: nothing was done
    [[nodiscard]] const ChangeWriter& changes() const noexcept { return changes_; }
    [[nodiscard]] SeenIds& seen_ids() noexcept { return seen_ids_; }
    void load_seen_ids();  // after SeenIds::begin()

  private:
    using Jobs = std::vector<std::unique_ptr<StorageJob>>;

    StorageThread(const OutboxSettings& settings, const Clock& clock);
    [[nodiscard]] Result<> open();

    void serve();
    bool take_batch(Jobs& batch);  // false: stop
    void serve_batch(Jobs batch);
    void note_time(const StorageJob& job);
    [[nodiscard]] ChangeWriter::Redo what_to_redo(const Jobs& batch) const;
    void do_batch(Jobs batch);
    [[nodiscard]] std::optional<Error> attempt(const Jobs& batch);
    void do_one(std::unique_ptr<StorageJob> job);
    [[nodiscard]] bool must_refuse_for_space(const StorageJob& job) const;
    void complete_job(std::unique_ptr<StorageJob> job, const std::optional<Error>& failure);
    void resume_waiters();
    void maintain();
    void repeat();  // the deferred jobs that failed
    void release_leased();
    class BeginLoading;
    void load_ids_into_filter();
    void publish();

    // Of the storage thread only.
    OpenOutbox store_;
    bool had_much_ = false;  // why it is awake
    bool has_more_to_sweep_ = false;
    OpenOutbox::SteadyTime next_sweep_{};
    Moment now_;      // as the latest job's caller, or the latest change's, saw it
    Jobs repeated_;   // deferred jobs that failed
    Jobs completed_;  // whoever waits for them is to be resumed
    std::vector<std::string> to_release_;
    std::string loaded_until_;  // the id up to which the filter has learned the database
    std::uint64_t loaded_ids_ = 0;
    bool must_load_ids_ = false;

    // Of both threads.
    ChangeWriter changes_;
    SeenIds seen_ids_;
    std::atomic<std::chrono::hours::rep> dedupe_hours_;

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
