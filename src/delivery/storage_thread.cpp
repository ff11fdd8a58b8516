// SPDX-License-Identifier: MIT
#include "delivery/storage_thread.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "delivery/log.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::delivery {

using namespace std::chrono_literals;

namespace {

constexpr auto kGroupCommitDelay = 20ms;
constexpr auto kRedoLaziness = 200ms;  // what is in the redo log is safe: the more come together, the less each costs
constexpr std::size_t kManyLazy = 256;
constexpr std::size_t kMaxBatch = 512;
constexpr auto kTryAgain = 1s;
constexpr auto kSettled = 500ms;  // whoever removes a file removes those beside it
constexpr auto kSweepAgain = 60s;

}  // namespace

Result<std::unique_ptr<StorageThread>> StorageThread::start(const OutboxSettings& settings, const Clock& clock) {
    std::unique_ptr<StorageThread> storage(new StorageThread(settings, clock));
    const auto opened = storage->open();
    const bool is_refused = !opened && (opened.error().code == errc::in_use || opened.error().code == errc::wrong_file);
    if (is_refused) return opened.error();
    storage->publish();
    if (settings.path == kInMemory) return storage;
    storage->thread_ = std::thread([thread = storage.get()] { thread->serve(); });
    pthread_setname_np(storage->thread_.native_handle(), "outbox");
    return storage;
}

StorageThread::StorageThread(const OutboxSettings& settings, const Clock& clock)
    : alarm_({settings.path, settings.path.string() + "-wal", settings.path.string() + ".lock",
              settings.path.string() + ".kept", settings.path.string() + ".ballast", settings.redo_log}),
      store_(settings, clock),
      now_(store_.clock().now()),
      changes_(settings),
      dedupe_hours_(settings.dedupe_window.count()) {}

Result<> StorageThread::open() {
    return store_.open([this](OutboxStore& store) { return changes_.join(store); });
}

StorageThread::~StorageThread() {
    {
        const std::lock_guard lock(mutex_);
        must_stop_ = true;
    }
    alarm_.ring();
    if (thread_.joinable()) thread_.join();
}

void StorageThread::submit(std::unique_ptr<StorageJob> job) {
    if (!thread_.joinable()) return serve_here(std::move(job));
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
    if (must_wake) alarm_.ring();
}

// A job may be followed by another one: after it, not within it.
void StorageThread::serve_here(std::unique_ptr<StorageJob> job) {
    queue_.push_back(std::move(job));
    if (std::exchange(is_serving_here_, true)) return;
    const AtEnd at_end([this] { is_serving_here_ = false; });
    while (!queue_.empty()) {
        Jobs batch = std::exchange(queue_, {});
        for (const auto& next : batch) note_time(*next);
        serve_batch(std::move(batch));
    }
}

bool StorageThread::must_stop() const {
    const std::lock_guard lock(mutex_);
    return must_stop_;
}

void StorageThread::release(std::vector<std::string> ids) {
    const std::lock_guard lock(mutex_);
    released_.insert(released_.end(), std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
}

// With what is in the redo log only.
OutboxFigures StorageThread::figures() const {
    std::unique_lock lock(mutex_);
    OutboxFigures figures = figures_;
    const RedoneCounts redone = published_redone_;
    lock.unlock();
    changes_.add_appended(figures, redone);
    return figures;
}

bool StorageThread::append(const RedoRecord& change) {
    const auto appended = changes_.append(change);
    if (!thread_.joinable()) {
        if (changes_.has_much()) serve_batch({});
    } else if (appended == ChangeWriter::Appended::is_news) {
        alarm_.ring();
    }
    return appended != ChangeWriter::Appended::no;
}

void StorageThread::serve() {
    for (Jobs batch; take_batch(batch); batch.clear()) serve_batch(std::move(batch));
    if (!store_.look_before_the_end()) {
        tell_lost();
    } else if (changes_.catch_up(store_, ChangeWriter::Redo::all, now_)) {
        changes_.stop(store_);
    } else {
        outbox_log.error(
            "The outbox takes nothing: the latest steps of commands stay in the redo log. Do not reboot before "
            "the daemon has run again",
            {{"redo_log", store_.settings().redo_log.string()}});
    }
    if (store_.is_open() && !repeated_.empty() && changes_.is_caught_up()) repeat();
    const auto confirmed =
        std::ranges::count_if(repeated_, [](const auto& job) { return job->kind == StorageJob::Kind::confirmed; });
    if (confirmed > 0) {
        outbox_log.error(
            "The outbox takes nothing: results that the server has confirmed are not noted in it, so the next start "
            "sends them again, or runs their commands once more",
            {{"count", confirmed}});
    }
    store_.close();
}

// The redo log stays: what is in it alone is found by the next start.
void StorageThread::tell_lost() {
    publish();
    const auto left = figures();
    if (left.pending + left.unfinished == 0) return;
    outbox_log.error("Results are lost: the outbox's file was removed or replaced, and cannot be made again",
                     {{"count", left.pending}, {"unfinished_commands", left.unfinished}});
}

void StorageThread::serve_batch(Jobs batch) {
    {
        const std::lock_guard lock(mutex_);
        to_release_.insert(to_release_.end(), std::make_move_iterator(released_.begin()),
                           std::make_move_iterator(released_.end()));
        released_.clear();
    }
    had_much_ = changes_.note_looked();
    store_.set_dedupe_window(std::chrono::hours(dedupe_hours_));
    maintain();
    (void)changes_.catch_up(store_, what_to_redo(batch), now_);
    release_leased();
    if (batch.empty()) publish();
    do_batch(std::move(batch));
}

bool StorageThread::take_batch(Jobs& batch) {
    std::unique_lock lock(mutex_);
    const auto must_act = [this] {
        return must_stop_ || urgent_ > 0 || queue_.size() >= kManyLazy || changes_.has_much();
    };
    const auto has_work = [&] { return must_act() || !queue_.empty() || changes_.has_news(); };
    const auto sleep = [&](std::chrono::nanoseconds longest, const auto& until) {
        auto end = std::chrono::steady_clock::now() + longest;
        while (!until() && std::chrono::steady_clock::now() < end) {
            lock.unlock();
            alarm_.sleep(end - std::chrono::steady_clock::now());
            lock.lock();
            if (!alarm_.has_noticed()) continue;
            end = std::min(end, std::max(store_.next_look(), std::chrono::steady_clock::now() + kSettled));
        }
    };
    const bool is_well = store_.is_well() && repeated_.empty() && changes_.is_caught_up() && !alarm_.has_noticed();
    const auto idle = store_.is_open() && has_more_to_sweep_ ? kGroupCommitDelay : is_well ? 10s : kTryAgain;
    if (!must_act()) sleep(idle, has_work);
    if (!must_act() && has_work()) sleep(queue_.empty() ? kRedoLaziness : kGroupCommitDelay, must_act);
    const auto count = std::min(queue_.size(), kMaxBatch);
    if (must_stop_ && count == 0) return false;
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    for (const auto& job : batch) {
        if (!job->is_deferred()) --urgent_;
        note_time(*job);
    }
    return true;
}

void StorageThread::note_time(const StorageJob& job) {
    if (job.now.here != WallTime{}) now_ = job.now;
}

// A job may ask for a row that is in the log, or change it; a lease that is to end must have begun.
ChangeWriter::Redo StorageThread::what_to_redo(const Jobs& batch) const {
    const bool is_nothing_else = batch.empty() && repeated_.empty() && to_release_.empty();
    return had_much_ && is_nothing_else ? ChangeWriter::Redo::settled : ChangeWriter::Redo::all;
}

// Not before the changes that were appended before: one of them may be what leases the id.
void StorageThread::release_leased() {
    if (changes_.is_caught_up()) store_.release(std::exchange(to_release_, {}));
}

void StorageThread::do_batch(Jobs batch) {
    if (batch.empty()) return;
    if (store_.is_open() && changes_.is_caught_up()) {
        for (auto& job : batch) {
            if (const auto refusal = refusal_of(*job)) complete_job(std::move(job), refusal);
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
    if (job->complete) job->complete(failure);
    if (job->waiter) to_resume_.push_back(std::move(*job->waiter));
}

// The figures first, so that whoever is resumed sees its own change in them.
void StorageThread::resume_waiters() {
    publish();
    if (to_resume_.empty()) return;
    const Executor loop = to_resume_.front().executor();
    boost::asio::post(loop, [waiters = std::exchange(to_resume_, {})]() mutable { resume_all(std::move(waiters)); });
}

// All of them in one transaction.
std::optional<Error> StorageThread::attempt(std::span<const std::unique_ptr<StorageJob>> batch) {
    if (batch.empty()) return std::nullopt;
    return store_.transact([&](OutboxStore& store) {
        for (const auto& job : batch) job->run(store);
    });
}

void StorageThread::do_one(std::unique_ptr<StorageJob> job) {
    std::optional<Error> failure = store_.is_open() ? refusal_of(*job) : store_.closed_because();
    if (store_.is_open() && !changes_.is_caught_up()) {
        failure = store_.refusal().value_or(Error(storage_errc::io, "input/output error on the outbox"));
    } else if (store_.is_open() && !failure) {
        failure = attempt({&job, 1});
        // The first failure may have been cured (ballast given back, file opened anew).
        const bool may_be_cured = store_.is_open() && !refusal_of(*job);
        if (failure && may_be_cured) failure = attempt({&job, 1});
    }
    // To repeat what a sound database refuses is no use.
    const bool is_too_many = job->kind == StorageJob::Kind::dispensable && repeated_.size() >= kMaxBatch;
    const bool may_be_repeated = job->is_deferred() && !is_too_many;
    if (failure && may_be_repeated && failure->code != storage_errc::statement_failed) {
        repeated_.push_back(std::move(job));
    } else {
        complete_job(std::move(job), failure);
    }
}

std::optional<Error> StorageThread::refusal_of(const StorageJob& job) const {
    return job.kind == StorageJob::Kind::admission ? store_.refusal() : std::nullopt;
}

void StorageThread::maintain() {
    if (must_look_.exchange(false)) store_.look_at_once();
    const auto now = std::chrono::steady_clock::now();
    if (store_.must_look(now)) alarm_.watch();
    if (store_.look_after(now)) changes_.look_after(store_, now_);
    // For the next boot, which only wall time connects with this one's stamps.
    if (!store_.knows_wall_clock(now_)) store_.transact([this](OutboxStore& store) { store.note_wall_clock(now_); });
    if (store_.is_open() && !repeated_.empty() && changes_.is_caught_up()) repeat();
    if (!store_.is_open()) return;
    if (now < next_sweep_ && !has_more_to_sweep_ && !store_.remembers_too_much()) return;
    next_sweep_ = now + kSweepAgain;
    has_more_to_sweep_ = false;
    store_.transact([this](OutboxStore& store) { has_more_to_sweep_ = store.sweep(now_); });
    if (!has_more_to_sweep_) store_.read([](OutboxStore& store) { store.give_memory_back(); });
}

void StorageThread::repeat() {
    Jobs jobs = std::exchange(repeated_, {});
    for (auto next = jobs.begin(); next != jobs.end();) {
        const auto count = std::min<std::ptrdiff_t>(jobs.end() - next, kMaxBatch);
        do_batch({std::make_move_iterator(next), std::make_move_iterator(next + count)});
        next += count;
    }
}

void StorageThread::publish() {
    const auto& figures = store_.figures(now_);
    changes_.admit(figures, store_);
    const std::lock_guard lock(mutex_);
    published_redone_ = changes_.redone();
    figures_ = figures;
}

}  // namespace jiro::delivery
