// SPDX-License-Identifier: MIT
#include "jiro/base/outside_calls.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <system_error>
#include <thread>

#include "jiro/base/at_end.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro {

namespace asio = boost::asio;

namespace {

std::atomic<int> calls_in_hand = 0;  // of all threads, until what they made is destroyed or handed over

}  // namespace

struct OutsideThreads::Waiter {
    explicit Waiter(const Executor& executor) : ended(executor) {}
    Event ended;
};

// One that waits for a call, from its entry into the queue until it leaves.
class OutsideThreads::Ticket {
  public:
    Ticket(OutsideThreads& threads, CallPtr call, std::function<void()> wake)
        : threads_(threads), call_(std::move(call)) {
        const std::lock_guard lock(threads_.mutex_);
        if (call_->stage_ == Stage::ended) return;
        place_ = call_->waiters_.insert(call_->waiters_.end(), std::move(wake));
        if (call_->stage_ != Stage::idle) return;
        call_->stage_ = Stage::queued;
        threads_.queue_.push_back(call_);
        if (threads_.threads_ == 0) threads_.add_thread();
        threads_.is_wanted_.notify_one();
    }
    ~Ticket() { leave(); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    // How far the call had come. From here on no thread knows the event loop of the one who waited.
    Stage leave() {
        const std::lock_guard lock(threads_.mutex_);
        const Stage stage = call_->stage_;
        if (has_left_ || stage == Stage::ended) return stage;  // with `ended` the waiters are gone
        has_left_ = true;
        call_->waiters_.erase(place_);
        if (!call_->waiters_.empty()) return stage;
        if (stage == Stage::queued) {
            std::erase(threads_.queue_, call_);
            call_->stage_ = Stage::idle;
        } else {
            call_->given_up();
        }
        return stage;
    }

  private:
    OutsideThreads& threads_;
    const CallPtr call_;
    std::list<std::function<void()>>::iterator place_;
    bool has_left_ = false;
};

Task<CallEnd> OutsideThreads::run(CallPtr call, Clock& clock, TimePoint deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const auto waiter = std::make_shared<Waiter>(executor);
    auto wake = [executor, waiter] { asio::post(executor, [waiter] { waiter->ended.notify(); }); };
    Ticket ticket(*this, call, std::move(wake));
    bool is_cancelled = false;
    try {
        auto ending = ended_in_time(call, waiter, clock, deadline);
        static_cast<void>(co_await std::move(ending));
    } catch (const std::exception&) {
        is_cancelled = true;
    }
    const Stage stage = ticket.leave();
    if (stage == Stage::ended) co_return CallEnd::ended;
    if (is_cancelled) co_return CallEnd::cancelled;
    co_return stage == Stage::queued ? CallEnd::not_begun : CallEnd::time_limit;
}

CallEnd OutsideThreads::run_here(const CallPtr& call, std::chrono::milliseconds patience) {
    const auto ended = std::make_shared<std::promise<void>>();
    Ticket ticket(*this, call, [ended] { ended->set_value(); });
    auto ending = ended->get_future();
    if (!has_ended(*call) && ending.wait_for(std::min(patience, kPatience)) != std::future_status::ready) {
        help(*call);
        if (patience > kPatience) ending.wait_for(patience - kPatience);
    }
    const Stage stage = ticket.leave();
    if (stage == Stage::ended) return CallEnd::ended;
    return stage == Stage::queued ? CallEnd::not_begun : CallEnd::time_limit;
}

// False: the time was over first.
Task<bool> OutsideThreads::ended_in_time(CallPtr call, std::shared_ptr<Waiter> waiter, Clock& clock,
                                         TimePoint deadline) {
    for (;;) {
        const Stage stage = stage_of(*call);
        if (stage == Stage::ended) co_return true;
        const Duration left = deadline - clock.now();
        if (left <= Duration::zero()) co_return false;
        const Duration patience = stage == Stage::queued ? std::min<Duration>(left, kPatience) : left;
        auto ending = until_ended(call, waiter);
        const bool has_ended = co_await with_timeout(clock, patience, std::move(ending));
        if (!has_ended) help(*call);
    }
}

Task<> OutsideThreads::until_ended(CallPtr call, std::shared_ptr<Waiter> waiter) {
    while (!has_ended(*call)) co_await waiter->ended.wait();
}

bool OutsideThreads::has_ended(const OutsideCall& call) { return stage_of(call) == Stage::ended; }

OutsideThreads::Stage OutsideThreads::stage_of(const OutsideCall& call) {
    const std::lock_guard lock(mutex_);
    return call.stage_;
}

// All threads are taken: one more.
void OutsideThreads::help(const OutsideCall& call) {
    const std::lock_guard lock(mutex_);
    if (call.stage_ == Stage::queued && threads_ < limit_) add_thread();
}

// No signal is meant for such a thread. When there can be none, the call waits until its time is over: others may have
// ended by then.
void OutsideThreads::add_thread() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        std::thread([this] { work(); }).detach();
        ++threads_;
    } catch (const std::system_error&) {
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void OutsideThreads::work() {
    pthread_setname_np(pthread_self(), name_);
    for (;;) {
        std::unique_lock lock(mutex_);
        if (!is_wanted_.wait_for(lock, idle_life_, [this] { return !queue_.empty(); })) {
            --threads_;
            return;
        }
        ++calls_in_hand;
        const AtEnd at_end([] { --calls_in_hand; });  // after `call`, which may hold what was made
        const CallPtr call = std::move(queue_.front());
        queue_.pop_front();
        call->stage_ = Stage::under_way;
        lock.unlock();
        try {
            call->perform();
        } catch (const std::exception&) {
            // Its value is missing then: as if it had not answered.
        }
        lock.lock();
        call->stage_ = Stage::ended;
        const bool is_wanted = !call->waiters_.empty();
        for (const auto& wake : call->waiters_) wake();
        call->waiters_.clear();
        lock.unlock();
        if (!is_wanted) call->ended_unwanted();
    }
}

void leave_process(int exit_code) {
    if (calls_in_hand == 0) std::exit(exit_code);
    std::cout.flush();
    std::fflush(nullptr);
    std::_Exit(exit_code);
}

void OutsideThreads::throw_cancelled() { throw boost::system::system_error(asio::error::operation_aborted); }

}  // namespace jiro
