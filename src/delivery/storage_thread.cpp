// SPDX-License-Identifier: MIT
#include "delivery/storage_thread.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "delivery/failpoint.hpp"
#include "delivery/log.hpp"
#include "delivery/resume_all.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

using namespace std::chrono_literals;

namespace {

constexpr auto kGroupCommitDelay = 20ms;
constexpr auto kRedoLaziness = 200ms;  // what is in the redo log is safe: the more come together, the less each costs
constexpr std::size_t kManyLazy = 256;
constexpr std::size_t kMaxBatch = 512;
constexpr auto kLookAgain = 1s;
constexpr auto kSweepAgain = 60s;
constexpr auto kNoSpace = "no space left for the outbox";

Error no_space() { return Error(storage_errc::full, kNoSpace); }

}  // namespace

Result<std::unique_ptr<StorageThread>> StorageThread::start(const OutboxSettings& settings, const Clock& clock) {
    std::unique_ptr<StorageThread> storage(new StorageThread(settings, clock));
    const auto opened = storage->open_store();
    if (!opened && opened.error().code == errc::in_use) return opened.error();
    storage->publish();
    storage->thread_ = std::thread([thread = storage.get()] { thread->serve(); });
    pthread_setname_np(storage->thread_.native_handle(), "outbox");
    return storage;
}

StorageThread::StorageThread(const OutboxSettings& settings, const Clock& clock)
    : settings_(settings),
      clock_(clock),
      files_(settings),
      now_(clock_.now()),
      dedupe_hours_(settings.dedupe_window.count()) {}

StorageThread::~StorageThread() {
    {
        const std::lock_guard lock(mutex_);
        must_stop_ = true;
    }
    wake_up_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void StorageThread::submit(std::unique_ptr<StorageJob> job) {
    bool must_wake = true;
    {
        const std::lock_guard lock(mutex_);
        if (job->is_deferred()) {
            must_wake = queue_.empty() || queue_.size() == kManyLazy;
        } else {
            ++urgent_;
        }
        queue_.push_back(std::move(job));
    }
    if (must_wake) wake_up_.notify_one();
}

void StorageThread::release(std::vector<std::string> ids) {
    const std::lock_guard lock(mutex_);
    released_.insert(released_.end(), std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
}

// With what is in the redo log only.
OutboxFigures StorageThread::figures() const {
    std::unique_lock lock(mutex_);
    OutboxFigures figures = figures_;
    const RedoCounts redone = published_redone_;
    lock.unlock();
    const RedoCounts appended = appended_.read();
    const auto received = appended.received - redone.received;
    const auto finished = appended.finished - redone.finished;
    const auto delivered = appended.delivered - redone.delivered;
    figures.unfinished += received - std::min(finished, figures.unfinished + received);
    figures.pending += finished - std::min(delivered, figures.pending + finished);
    figures.remembered += delivered;
    if (const auto first = first_finished_at_.load(); finished > 0 && first != 0 && figures.pending > 0) {
        figures.oldest_undelivered = std::min(figures.oldest_undelivered.value_or(WallTime::max()), from_stored(first));
    }
    return figures;
}

void StorageThread::serve() {
    Jobs batch;
    while (take_batch(batch)) {
        take_settings();
        maintain();
        is_caught_up_ = catch_up(what_to_redo(batch));
        release_held();
        load_ids_into_filter();
        if (batch.empty()) publish();
        do_batch(std::exchange(batch, {}));
    }
    if (catch_up(Redo::all)) {
        stop_redo_log();
    } else {
        outbox_log.error(
            "The outbox takes nothing: the latest steps of commands stay in the redo log. Do not reboot before "
            "the daemon has run again",
            {{"redo_log", owned_redo_log_->path().string()}});
    }
    store_.reset();  // checkpoints and removes the WAL
}

bool StorageThread::take_batch(Jobs& batch) {
    std::unique_lock lock(mutex_);
    const auto must_act = [this] { return must_stop_ || urgent_ > 0 || queue_.size() >= kManyLazy || has_much_; };
    const auto has_work = [&] { return must_act() || !queue_.empty() || has_appended_; };
    const bool is_well = store_ && !is_full_ && repeated_.empty() && is_caught_up_;
    const bool has_own_work = store_ && (has_more_to_sweep_ || must_load_ids_);
    const auto idle = has_own_work ? kGroupCommitDelay : is_well ? 10s : kLookAgain;
    if (!must_act()) wake_up_.wait_for(lock, idle, has_work);
    if (!must_act() && has_work())
        wake_up_.wait_for(lock, queue_.empty() ? kRedoLaziness : kGroupCommitDelay, must_act);
    has_appended_ = false;
    had_much_ = has_much_.exchange(false);
    const auto count = std::min(queue_.size(), kMaxBatch);
    if (must_stop_ && count == 0) return false;
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    for (const auto& job : batch) {
        if (!job->is_deferred()) --urgent_;
        if (job->now().here != WallTime{}) now_ = job->now();
    }
    to_release_.insert(to_release_.end(), std::make_move_iterator(released_.begin()),
                       std::make_move_iterator(released_.end()));
    released_.clear();
    return true;
}

// A job may ask for a row that is in the log, or change it; a lease that is to end must have begun.
StorageThread::Redo StorageThread::what_to_redo(const Jobs& batch) const {
    const bool is_nothing_else = batch.empty() && repeated_.empty() && to_release_.empty();
    return had_much_ && is_nothing_else ? Redo::settled : Redo::all;
}

void StorageThread::take_settings() {
    settings_.dedupe_window = std::chrono::hours(dedupe_hours_);
    if (store_) store_->set_dedupe_window(settings_.dedupe_window);
}

// Not before the changes that were appended before: one of them may be what holds the id.
void StorageThread::release_held() {
    if (!is_caught_up_) return;
    for (const auto& id : std::exchange(to_release_, {})) leased_.remove(id);
    leased_.commit();
}

void StorageThread::do_batch(Jobs batch) {
    if (batch.empty()) return;
    if (store_ && is_caught_up_) {
        for (auto& job : batch) {
            if (must_refuse_for_space(*job)) complete_job(std::move(job), no_space());
        }
        std::erase(batch, nullptr);
        if (!attempt(batch)) {
            for (auto& job : batch) complete_job(std::move(job), std::nullopt);
            batch.clear();
        }
    }
    for (auto& job : batch) do_one(std::move(job));
    resume_waiters();
}

void StorageThread::complete_job(std::unique_ptr<StorageJob> job, const std::optional<Error>& failure) {
    job->complete(failure);
    if (job->executor()) completed_.push_back(std::move(job));
}

// The figures first, so that whoever is resumed sees its own change in them.
void StorageThread::resume_waiters() {
    publish();
    while (!completed_.empty()) {
        const Executor executor = completed_.front()->executor().value();
        const auto other =
            std::ranges::find_if(completed_, [&](const auto& job) { return job->executor() != executor; });
        Jobs theirs(std::make_move_iterator(completed_.begin()), std::make_move_iterator(other));
        completed_.erase(completed_.begin(), other);
        boost::asio::post(
            executor, [executor, theirs = std::move(theirs)]() mutable { resume_all(executor, std::move(theirs)); });
    }
}

// All of them in one transaction; the failure has been dealt with when this returns.
std::optional<Error> StorageThread::attempt(const Jobs& batch) {
    if (batch.empty()) return std::nullopt;
    try {
        store_->begin();
        for (const auto& job : batch) job->run(*store_);
        store_->commit();
        return std::nullopt;
    } catch (const StorageError& error) {
        const Error failure(error.code, error.what());
        store_->roll_back();
        recover_from(error.code, error.what());
        return failure;
    }
}

void StorageThread::do_one(std::unique_ptr<StorageJob> job) {
    std::optional<Error> failure = closed_because_;
    if (store_ && !is_caught_up_) {
        failure = is_full_ ? no_space() : Error(storage_errc::io, "input/output error on the outbox");
    } else if (store_ && must_refuse_for_space(*job)) {
        failure = no_space();
    } else if (store_) {
        Jobs alone;
        alone.push_back(std::move(job));
        failure = attempt(alone);
        // The first failure may have been cured (ballast given back, file opened anew).
        if (failure && store_ && !(alone.front()->is_admission() && is_full_)) failure = attempt(alone);
        job = std::move(alone.front());
    }
    // To repeat what a sound database refuses is no use.
    const bool may_be_repeated = job->is_deferred() && !(job->is_dispensable() && repeated_.size() >= kMaxBatch);
    if (failure && may_be_repeated && failure->code != storage_errc::statement_failed) {
        repeated_.push_back(std::move(job));
    } else {
        complete_job(std::move(job), failure);
    }
}

bool StorageThread::must_refuse_for_space(const StorageJob& job) const {
    return job.is_admission() && (is_full_ || is_low_);
}

void StorageThread::maintain() {
    const auto now = std::chrono::steady_clock::now();
    if (!store_ && now >= next_open_) {
        if (open_store()) outbox_log.info("The outbox is open again");
    }
    note_wall_clock();
    if (!store_) return;
    if (now >= next_look_) {
        next_look_ = now + kLookAgain;
        const auto ballast = settings_.ballast_bytes;
        is_low_ = ballast > 0 && files_.lacks_space(is_low_ ? ballast / 2 : ballast / 4).has_value();
        // New work again only when there is room for the ballast and as much on top: no flapping at the edge.
        if (is_full_ && !files_.lacks_space(std::max<std::uint64_t>(2 * ballast, 64 * 1024)) &&
            store_->has_free_pages() && files_.make_ballast()) {
            is_full_ = false;
            outbox_log.info("There is room for the outbox again: commands are taken");
        } else if (!is_full_ && !is_low_ && !files_.has_ballast()) {
            files_.make_ballast();
        }
    }
    if (!repeated_.empty() && is_caught_up_) repeat();
    if (store_ && (now >= next_sweep_ || has_more_to_sweep_)) {
        next_sweep_ = now + kSweepAgain;
        has_more_to_sweep_ = false;
        try {
            store_->begin();
            has_more_to_sweep_ = store_->sweep(now_);
            store_->commit();
        } catch (const StorageError& error) {
            store_->roll_back();
            recover_from(error.code, error.what());
        }
    }
}

void StorageThread::repeat() {
    Jobs jobs = std::exchange(repeated_, {});
    for (auto next = jobs.begin(); next != jobs.end();) {
        const auto count = std::min<std::ptrdiff_t>(jobs.end() - next, kMaxBatch);
        do_batch({std::make_move_iterator(next), std::make_move_iterator(next + count)});
        next += count;
    }
}

// For the next boot, which only wall time connects with this one's stamps.
void StorageThread::note_wall_clock() {
    if (!store_ || store_->knows_wall_clock(now_)) return;
    try {
        store_->begin();
        store_->note_wall_clock(now_);
        store_->commit();
    } catch (const StorageError& error) {
        store_->roll_back();
        recover_from(error.code, error.what());
    }
}

void StorageThread::publish() {
    OutboxFigures figures;
    if (store_) {
        const auto& counts = store_->counts();
        figures.pending = counts.pending;
        figures.unfinished = counts.unfinished;
        figures.dead_letters = counts.dead;
        figures.remembered = counts.remembered;
        figures.bytes = counts.bytes;
        try {
            figures.oldest_undelivered = store_->oldest_undelivered(now_);
        } catch (const StorageError& error) {
            recover_from(error.code, error.what());
        }
    }
    figures.storage_errors = storage_errors_;
    const bool knows_ballast = store_ || (closed_because_ && closed_because_->code == storage_errc::full);
    if (settings_.ballast_bytes > 0 && knows_ballast) figures.has_ballast = files_.has_ballast();
    figures.writable = store_ && !is_full_ && !is_low_;
    figures.problem = closed_because_ ? closed_because_->message
                      : is_full_      ? kNoSpace
                      : is_low_       ? "little space left for the outbox"
                                      : lasting_problem_;
    takes_changes_ = store_ && !is_full_ && is_caught_up_;
    // With room to spare for all that the log can hold: what is in it is refused by no limit any more.
    const auto rows = figures.pending + figures.unfinished + figures.dead_letters;
    const std::size_t log_bytes = owned_redo_log_ ? owned_redo_log_->bytes() : 0;
    const bool has_room = rows + log_bytes / RedoLog::kLeastReceiptBytes <= settings_.max_rows &&
                          figures.bytes + log_bytes <= settings_.max_bytes;
    admits_changes_ = takes_changes_ && !is_low_ && has_room;
    const std::lock_guard lock(mutex_);
    published_redone_ = redone_;
    if (!store_) {  // the last known numbers are better than none
        figures.pending = figures_.pending;
        figures.unfinished = figures_.unfinished;
        figures.dead_letters = figures_.dead_letters;
        figures.oldest_undelivered = figures_.oldest_undelivered;
    }
    figures_ = std::move(figures);
}

}  // namespace jiro::delivery
