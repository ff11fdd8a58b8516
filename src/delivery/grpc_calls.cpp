// SPDX-License-Identifier: MIT
#include "delivery/grpc_calls.hpp"

#include <grpcpp/completion_queue.h>
#include <pthread.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <system_error>
#include <utility>

#include "delivery/failpoint.hpp"

namespace jiro::delivery {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kBatchDelay{1};  // nobody waits for the mark "delivered"
// In one batch: more than one call at a time brings about, and so few that the loop starts them itself again.
constexpr std::size_t kManyCalls = 9;
constexpr std::size_t kFewCalls = 5;

}  // namespace

GrpcCalls::~GrpcCalls() {
    if (!queue_) return;
    {
        const std::lock_guard lock(ended_mutex_);
        is_loop_woken_ = true;
    }
    cancel_all();
    end_thread();
    for (const auto& call : under_way_) call->waiter_.reset();  // which keeps the call
}

Task<> GrpcCalls::perform(std::shared_ptr<GrpcCall> call) {
    if (!queue_) make_queue();
    return until_resumed([this, call = std::move(call)](Waiter waiter) {
        auto slot = waiter.cancellation_slot();
        call->waiter_.emplace(std::move(waiter));
        if (slot.is_connected())
            slot.assign([call](asio::cancellation_type) { call->cancel(GrpcCall::Cancelled::unwanted); });
        start(*call);
    });
}

void GrpcCalls::cancel_all() {
    for (const auto& call : under_way_) call->cancel(GrpcCall::Cancelled::unwanted);
}

bool GrpcCalls::cancel_grown(std::uint64_t resident, std::uint64_t most) {
    bool has_cancelled = false;
    for (const auto& call : under_way_) {
        if (call->resident_ == 0) call->resident_ = resident;
        if (resident < call->resident_ + most) continue;
        call->cancel(GrpcCall::Cancelled::for_memory);
        has_cancelled = true;
    }
    return has_cancelled;
}

void GrpcCalls::make_queue() {
    queue_ = std::make_unique<grpc::CompletionQueue>();
    try {
        thread_ = std::thread([this] { work(); });
    } catch (const std::system_error&) {
        queue_.reset();
        throw;
    }
    pthread_setname_np(thread_.native_handle(), "grpc");
}

// While the thread takes calls it shuts the queue down itself: nothing may be started on one that is shut down.
void GrpcCalls::end_thread() {
    {
        const std::lock_guard lock(given_mutex_);
        is_ending_ = true;
        if (!takes_calls_) queue_->Shutdown();
    }
    given_changed_.notify_one();
    thread_.join();
}

void GrpcCalls::start(GrpcCall& call) {
    under_way_.insert(call.shared_from_this());
    if (!give(call)) start_here(call);
    wake_loop();
}

// False: the thread takes none.
bool GrpcCalls::give(GrpcCall& call) {
    bool was_idle = false;
    {
        const std::lock_guard lock(given_mutex_);
        if (!takes_calls_) return false;
        was_idle = given_.empty();
        given_.push_back(call.shared_from_this());
    }
    if (was_idle) given_changed_.notify_one();
    return true;
}

void GrpcCalls::start_here(GrpcCall& call) {
    call.start(*queue_, &call);
    JIRO_FAILPOINT("c7_rpc_started");
}

void GrpcCalls::work() {
    void* tag = nullptr;
    bool is_good = false;
    while (queue_->Next(&tag, &is_good)) {
        add_ended(*static_cast<GrpcCall*>(tag));
        std::size_t ended = 1;
        do {
            start_given();
            ended += collect_ended();
        } while (goes_on(std::exchange(ended, 0)));
    }
}

// Until the next batch is due; asleep while nothing is given.
void GrpcCalls::start_given() {
    const auto end = std::chrono::steady_clock::now() + kBatchDelay;
    std::vector<std::shared_ptr<GrpcCall>> calls;
    std::unique_lock lock(given_mutex_);
    while (given_changed_.wait_until(lock, end, [this] { return is_ending_ || !given_.empty(); }) && !is_ending_) {
        calls.swap(given_);
        lock.unlock();
        for (const auto& call : calls) start_here(*call);
        calls.clear();
        if (std::chrono::steady_clock::now() >= end) return;
        lock.lock();
    }
}

std::size_t GrpcCalls::collect_ended() {
    const std::chrono::system_clock::time_point at_once;  // long past
    void* tag = nullptr;
    bool is_good = false;
    std::size_t count = 0;
    while (queue_->AsyncNext(&tag, &is_good, at_once) == grpc::CompletionQueue::GOT_EVENT) {
        add_ended(*static_cast<GrpcCall*>(tag));
        ++count;
    }
    wake_loop();
    return count;
}

// After a batch of so many: whether calls are taken until the next one.
bool GrpcCalls::goes_on(std::size_t ended) {
    const std::lock_guard lock(given_mutex_);
    const bool took_calls = takes_calls_;
    takes_calls_ = !is_ending_ && (!given_.empty() || ended >= (took_calls ? kFewCalls : kManyCalls));
    if (is_ending_ && took_calls) queue_->Shutdown();
    return takes_calls_;
}

void GrpcCalls::add_ended(GrpcCall& call) {
    { const std::lock_guard lock(given_mutex_); }  // ThreadSanitizer does not see how gRPC hands the call over
    call.end();
    const std::lock_guard lock(ended_mutex_);
    ended_.push_back(&call);
}

// Either thread. Posted also by the loop itself, which is in the middle of something.
void GrpcCalls::wake_loop() {
    const std::lock_guard lock(ended_mutex_);
    if (ended_.empty() || std::exchange(is_loop_woken_, true)) return;
    asio::post(ended_.front()->waiter_->executor(), [this] { resume_ended(); });
}

void GrpcCalls::resume_ended() {
    std::vector<GrpcCall*> calls;
    {
        const std::lock_guard lock(ended_mutex_);
        calls.swap(ended_);
        is_loop_woken_ = false;
    }
    if (calls.empty()) return;
    std::vector<Waiter> waiters;
    waiters.reserve(calls.size());
    for (GrpcCall* const call : calls) {
        waiters.push_back(std::move(*call->waiter_));
        under_way_.erase(call->shared_from_this());  // its coroutine keeps it
    }
    resume_all(std::move(waiters));
}

}  // namespace jiro::delivery
