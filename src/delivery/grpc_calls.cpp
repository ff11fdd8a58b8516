// SPDX-License-Identifier: MIT
#include "delivery/grpc_calls.hpp"

#include <grpcpp/completion_queue.h>
#include <pthread.h>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <system_error>
#include <utility>

#include "delivery/failpoint.hpp"
#include "delivery/resume_all.hpp"

namespace jiro::delivery {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kBatchDelay{1};  // nobody waits for the mark "delivered"

}  // namespace

// Whoever awaits the call: a handler of any type, with work for its executor until it is resumed.
class GrpcCall::Waiter {
  public:
    virtual ~Waiter() = default;
    virtual void resume() = 0;
};

template <typename Handler>
class GrpcCall::WaitingHandler final : public Waiter {
  public:
    explicit WaitingHandler(Handler handler)
        : guard_(asio::get_associated_executor(handler)), handler_(std::move(handler)) {}

    void resume() override {
        asio::get_associated_cancellation_slot(handler_).clear();  // nobody may cancel what has ended
        guard_.reset();
        auto handler = std::move(handler_);
        std::move(handler)();
    }

  private:
    asio::executor_work_guard<asio::associated_executor_t<Handler>> guard_;
    Handler handler_;
};

GrpcCall::GrpcCall() = default;
GrpcCall::~GrpcCall() = default;

GrpcCalls::~GrpcCalls() {
    if (!queue_) return;
    {
        const std::lock_guard lock(mutex_);
        is_loop_woken_ = true;
    }
    cancel_all();
    queue_->Shutdown();
    thread_.join();
    for (const auto& call : under_way_) call->waiter_.reset();  // which keeps the call
}

Task<> GrpcCalls::perform(std::shared_ptr<GrpcCall> call) {
    if (!queue_) {
        const auto executor = co_await asio::this_coro::executor;
        make_queue(executor);
    }
    const auto initiate = [&](auto handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        call->waiter_ = std::make_unique<GrpcCall::WaitingHandler<decltype(handler)>>(std::move(handler));
        if (slot.is_connected()) slot.assign([call](asio::cancellation_type) { call->cancel(); });
        start(*call);
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(initiate, kAwait);
}

void GrpcCalls::cancel_all() {
    for (const auto& call : under_way_) call->cancel();
}

void GrpcCalls::make_queue(const Executor& executor) {
    executor_ = executor;
    queue_ = std::make_unique<grpc::CompletionQueue>();
    try {
        thread_ = std::thread([this] { collect(); });
    } catch (const std::system_error&) {
        queue_.reset();
        throw;
    }
    pthread_setname_np(thread_.native_handle(), "grpc");
}

void GrpcCalls::start(GrpcCall& call) {
    under_way_.insert(call.shared_from_this());
    call.start(*queue_, &call);
    JIRO_FAILPOINT("c7_rpc_started");
    wake_loop();
}

void GrpcCalls::collect() {
    using Status = grpc::CompletionQueue::NextStatus;
    const std::chrono::system_clock::time_point at_once;  // long past
    void* tag = nullptr;
    bool is_good = false;
    while (queue_->Next(&tag, &is_good)) {
        add_ended(*static_cast<GrpcCall*>(tag));
        std::this_thread::sleep_for(kBatchDelay);
        while (queue_->AsyncNext(&tag, &is_good, at_once) == Status::GOT_EVENT) {
            add_ended(*static_cast<GrpcCall*>(tag));
        }
        wake_loop();
    }
}

void GrpcCalls::add_ended(GrpcCall& call) {
    const std::lock_guard lock(mutex_);
    ended_.push_back(&call);
}

// Either thread. Posted also by the loop itself, which is in the middle of something.
void GrpcCalls::wake_loop() {
    const std::lock_guard lock(mutex_);
    if (ended_.empty() || std::exchange(is_loop_woken_, true)) return;
    asio::post(*executor_, [this] { resume_ended(); });
}

void GrpcCalls::resume_ended() {
    std::vector<GrpcCall*> calls;
    {
        const std::lock_guard lock(mutex_);
        calls.swap(ended_);
        is_loop_woken_ = false;
    }
    if (calls.empty()) return;
    std::vector<std::unique_ptr<GrpcCall::Waiter>> waiters;
    waiters.reserve(calls.size());
    for (GrpcCall* const call : calls) {
        waiters.push_back(std::move(call->waiter_));
        under_way_.erase(call->shared_from_this());  // its coroutine keeps it
    }
    resume_all(*executor_, std::move(waiters));
}

}  // namespace jiro::delivery
