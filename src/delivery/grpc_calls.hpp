// SPDX-License-Identifier: MIT
#pragma once
// Unary gRPC calls as coroutines: a completion queue and two threads. To start a call, down to its write to the socket,
// takes a third of what a command costs, so that the event loop leaves it to the thread `grpc start` when many are
// under way; a lone call it starts itself, since to wake a thread takes longer. The thread `grpc` does nothing but
// collect the calls that have ended. To wake the loop for each of them would cost more than what is then done: they are
// resumed together, when the loop starts the next call or after a millisecond. A thread of ours, and not gRPC's own
// behind its callbacks: those take turns in waiting, at two switches of threads for each call. Used by
// GrpcResultSender; all functions on the event loop.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include "jiro/base/task.hpp"

namespace grpc {
class CompletionQueue;
}

namespace jiro::delivery {

// One call, with all that gRPC needs to see for as long as it is under way.
class GrpcCall : public std::enable_shared_from_this<GrpcCall> {
  public:
    GrpcCall();
    virtual ~GrpcCall();

    // Its end is announced on the queue, once, under this tag. On any thread; it may have ended before this returns.
    virtual void start(grpc::CompletionQueue& queue, void* tag) = 0;
    virtual void cancel() = 0;  // before, during or after `start`

  private:
    friend class GrpcCalls;
    class Waiter;
    template <typename Handler>
    class WaitingHandler;

    std::unique_ptr<Waiter> waiter_;
};

class GrpcCalls {
  public:
    GrpcCalls() = default;
    // Calls that are still under way are cancelled and their coroutines destroyed, not resumed: let them end before.
    ~GrpcCalls();
    GrpcCalls(const GrpcCalls&) = delete;
    GrpcCalls& operator=(const GrpcCalls&) = delete;

    // Starts the call and returns when it has ended. Cancelling the coroutine cancels the call, which then ends by
    // that. All calls are awaited on one executor. Throws std::system_error when no thread can be made for the first.
    [[nodiscard]] Task<> perform(std::shared_ptr<GrpcCall> call);

    // Those under way end by it soon.
    void cancel_all();

  private:
    void make_queue(const Executor& executor);
    bool has_starter();
    void end_threads();
    void start(GrpcCall& call);
    void start_here(GrpcCall& call);
    void start_given();  // the thread `grpc start`
    void collect();      // the thread `grpc`
    void add_ended(GrpcCall& call);
    void wake_loop();
    void resume_ended();

    // Made with the first call, and the thread `grpc` with it.
    std::unique_ptr<grpc::CompletionQueue> queue_;
    std::optional<Executor> executor_;  // of whoever awaits
    std::thread collector_;
    std::thread starter_;
    std::unordered_set<std::shared_ptr<GrpcCall>> under_way_;

    std::mutex given_mutex_;
    std::condition_variable given_changed_;
    std::vector<std::shared_ptr<GrpcCall>> given_;  // to the thread `grpc start`, which has not seen them yet
    bool is_ending_ = false;

    std::mutex ended_mutex_;
    std::vector<GrpcCall*> ended_;  // not resumed yet
    bool is_loop_woken_ = false;    // it will look at them, or need not any more
};

}  // namespace jiro::delivery
