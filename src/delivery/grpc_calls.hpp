// SPDX-License-Identifier: MIT
#pragma once
// Unary gRPC calls as coroutines: a completion queue and one thread, `grpc`, which collects the calls that have ended.
// To wake the loop for each of them would cost more than what is then done: they are resumed together, when the loop
// starts the next call or after a millisecond. To start a call, down to its write to the socket, takes a third of what
// a command costs: when many are under way the thread starts them too, between two batches that it collects. A lone
// call is started by the loop, since to wake a thread takes longer. One thread for both ends of a call, because two
// meet within gRPC, which then hands on to a third; and ours, not gRPC's own behind its callbacks: those take turns in
// waiting, at two switches of threads for each call. Used by GrpcResultSender; all functions on the event loop.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include "delivery/waiter.hpp"

namespace grpc {
class CompletionQueue;
}

namespace jiro::delivery {

// One call, with all that gRPC needs to see for as long as it is under way.
class GrpcCall : public std::enable_shared_from_this<GrpcCall> {
  public:
    virtual ~GrpcCall() = default;

    // Its end is announced on the queue, once, under this tag. On any thread; it may have ended before this returns.
    virtual void start(grpc::CompletionQueue& queue, void* tag) = 0;
    // On the thread `grpc`, before it is resumed: takes what is wanted of the answer, and frees the rest.
    virtual void end() = 0;
    enum class Cancelled { unwanted, for_memory };
    virtual void cancel(Cancelled why) = 0;  // at any time, on the event loop

  private:
    friend class GrpcCalls;
    std::optional<Waiter> waiter_;
    std::uint64_t resident_ = 0;  // of this process, when it was looked at first while this was under way
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

    // Cancels those during which this process has grown by more than that, since the first look that they saw. True:
    // there were some.
    bool cancel_grown(std::uint64_t resident, std::uint64_t most);

  private:
    void make_queue();
    void end_thread();
    void start(GrpcCall& call);
    bool give(GrpcCall& call);
    void start_here(GrpcCall& call);
    void work();  // the thread, with the three below
    void start_given();
    std::size_t collect_ended();
    bool goes_on(std::size_t ended);
    void add_ended(GrpcCall& call);
    void wake_loop();
    void resume_ended();

    // Made with the first call, and the thread with it.
    std::unique_ptr<grpc::CompletionQueue> queue_;
    std::thread thread_;
    std::unordered_set<std::shared_ptr<GrpcCall>> under_way_;

    std::mutex given_mutex_;
    std::condition_variable given_changed_;
    std::vector<std::shared_ptr<GrpcCall>> given_;  // to the thread, which has not seen them yet
    bool takes_calls_ = false;                      // the thread, which otherwise waits for calls to end
    bool is_ending_ = false;

    std::mutex ended_mutex_;
    std::vector<GrpcCall*> ended_;  // not resumed yet
    bool is_loop_woken_ = false;    // it will look at them, or need not any more
};

}  // namespace jiro::delivery
