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
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "delivery/alarm.hpp"
#include "delivery/open_outbox.hpp"
#include "delivery/redo/change_writer.hpp"
#include "delivery/waiter.hpp"

namespace jiro::delivery {

// What is to be done in the database, and what follows it.
struct StorageJob {
    enum class Kind {
        awaited,
        admission,    // awaited, and refused while the disk is full: what is in hand may be finished
        deferred,     // nobody waits for it: it is repeated until it succeeds
        confirmed,    // as deferred, and the server has the result
        dispensable,  // as deferred, but not repeated when many others are to be already
    };

    Kind kind = Kind::awaited;
    Moment now{};  // as its caller saw it
    // May be called more than once (after a roll-back): changes nothing but the store and its own result.
    std::function<void(OutboxStore&)> run;
    // Committed, or failed for good: what whoever waits is to find. Still on the storage thread; may be empty.
    std::function<void(const std::optional<Error>& failure)> complete{};
    std::optional<Waiter> waiter{};  // all of one event loop

    [[nodiscard]] bool is_deferred() const noexcept { return kind >= Kind::deferred; }
};

class StorageThread {
  public:
    // Opens the outbox and starts the thread. Fails on errc::in_use and errc::wrong_file only: whatever else keeps it
    // closed may pass. An outbox in memory has no thread: a job is done where it is submitted, and what was appended is
    // redone before it, or when it is much.
    [[nodiscard]] static Result<std::unique_ptr<StorageThread>> start(const OutboxSettings& settings,
                                                                      const Clock& clock);
    ~StorageThread();  // does what waits, closes, joins
    StorageThread(const StorageThread&) = delete;
    StorageThread& operator=(const StorageThread&) = delete;

    void submit(std::unique_ptr<StorageJob> job);
    void look_at_once() noexcept { must_look_ = true; }  // for its file, before the next job
    [[nodiscard]] bool must_stop() const;                // no job need follow another one
    void release(std::vector<std::string> ids);          // gives leased ids free
    // For every job that is submitted after it.
    void set_dedupe_window(std::chrono::hours window) noexcept { dedupe_hours_ = window.count(); }
    [[nodiscard]] OutboxFigures figures() const;
    [[nodiscard]] const OutboxClock& clock() const noexcept { return store_.clock(); }

    // What the event loop commits by itself.
    [[nodiscard]] bool append(const RedoRecord& change);  // false: nothing was done
    [[nodiscard]] const ChangeWriter& changes() const noexcept { return changes_; }

  private:
    using Jobs = std::vector<std::unique_ptr<StorageJob>>;

    StorageThread(const OutboxSettings& settings, const Clock& clock);
    [[nodiscard]] Result<> open();

    void serve();
    void tell_lost();
    void serve_here(std::unique_ptr<StorageJob> job);
    bool take_batch(Jobs& batch);  // false: stop
    void serve_batch(Jobs batch);
    void note_time(const StorageJob& job);
    [[nodiscard]] ChangeWriter::Redo what_to_redo(const Jobs& batch) const;
    void do_batch(Jobs batch);
    [[nodiscard]] std::optional<Error> attempt(std::span<const std::unique_ptr<StorageJob>> batch);
    void do_one(std::unique_ptr<StorageJob> job);
    [[nodiscard]] std::optional<Error> refusal_of(const StorageJob& job) const;
    void complete_job(std::unique_ptr<StorageJob> job, const std::optional<Error>& failure);
    void resume_waiters();
    void maintain();
    void repeat();  // the deferred jobs that failed
    void release_leased();
    void publish();

    Alarm alarm_;

    // Of the storage thread only.
    OpenOutbox store_;
    bool had_much_ = false;  // why it is awake
    bool has_more_to_sweep_ = false;
    OpenOutbox::SteadyTime next_sweep_{};
    Moment now_;     // as the latest job's caller, or the latest change's, saw it
    Jobs repeated_;  // deferred jobs that failed
    bool is_serving_here_ = false;
    std::vector<Waiter> to_resume_;
    std::vector<std::string> to_release_;

    // Of both threads.
    ChangeWriter changes_;
    std::atomic<std::chrono::hours::rep> dedupe_hours_;
    std::atomic<bool> must_look_{false};

    mutable std::mutex mutex_;
    Jobs queue_;
    std::vector<std::string> released_;
    std::size_t urgent_ = 0;  // jobs in queue_ that somebody waits for
    bool must_stop_ = false;
    OutboxFigures figures_;
    RedoneCounts published_redone_;

    std::thread thread_;
};

}  // namespace jiro::delivery
