// SPDX-License-Identifier: MIT
#pragma once
// Calls that may hang, because they wait for what is not ours: a file on a dead mount, a name server, a scanner. They
// are made on threads of their own; the coroutine that asks waits for as long as it wants to and then goes on without
// the answer. Used on the event loop; one OutsideThreads for each kind of call, so that one kind that hangs does not
// hold up another.
//
// Nobody waits for the threads when the process ends: each OutsideThreads lives as long as the process
// (`static auto& threads = *new OutsideThreads(...)`). There is one thread until a call waits longer than kPatience for
// it; then there is one more, up to the limit, so that a call that hangs for good holds up no other. One that has had
// no call for a while ends.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/task.hpp"

namespace jiro {

class OutsideCall {
  public:
    OutsideCall() = default;
    virtual ~OutsideCall() = default;
    OutsideCall(const OutsideCall&) = delete;
    OutsideCall& operator=(const OutsideCall&) = delete;

    // On one of the threads. Owns all that it touches.
    virtual void perform() = 0;
    // The last who waited for it went: on the event loop, while `perform` is under way. Must not block.
    virtual void given_up() noexcept {}
    // On the same thread as `perform`, after it, when nobody waited any more.
    virtual void ended_unwanted() {}

  private:
    friend class OutsideThreads;
    enum class Stage { idle, queued, under_way, ended };

    // Both guarded by the mutex of OutsideThreads.
    Stage stage_ = Stage::idle;
    std::list<std::function<void()>> waiters_;  // each posts to its event loop
};

enum class CallEnd {
    ended,       // what `perform` left in the call may be read
    time_limit,  // it is under way still
    not_begun,   // all threads are taken by calls that hang, or the system gives no thread
    cancelled,
};

class OutsideThreads {
  public:
    static constexpr std::chrono::milliseconds kPatience{50};
    static constexpr std::chrono::milliseconds kIdleLife{10'000};
    static constexpr std::chrono::milliseconds kForever = std::chrono::hours(24 * 365 * 100);

    // `name`: of the threads, for ps and gdb. `idle_life`: how long a thread waits for its next call before it ends.
    OutsideThreads(const char* name, std::size_t limit, std::chrono::milliseconds idle_life = kIdleLife)
        : name_(name), limit_(limit), idle_life_(idle_life) {}

    // Has the call made, or joins the one that is under way already. Does not throw when cancelled.
    [[nodiscard]] Task<CallEnd> run(std::shared_ptr<OutsideCall> call, Clock& clock, TimePoint deadline);

    // For callers that are no coroutines: waits right here, so for a moment only.
    [[nodiscard]] CallEnd run_here(const std::shared_ptr<OutsideCall>& call, std::chrono::milliseconds patience);

    [[nodiscard]] bool has_ended(const OutsideCall& call);

    // The exception by which an Asio operation tells that it was cancelled.
    [[noreturn]] static void throw_cancelled();

  private:
    class Ticket;
    struct Waiter;
    using Stage = OutsideCall::Stage;
    using CallPtr = std::shared_ptr<OutsideCall>;

    [[nodiscard]] Task<bool> ended_in_time(CallPtr call, std::shared_ptr<Waiter> waiter, Clock& clock,
                                           TimePoint deadline);
    [[nodiscard]] Task<> until_ended(CallPtr call, std::shared_ptr<Waiter> waiter);
    [[nodiscard]] Stage stage_of(const OutsideCall& call);
    void help(const OutsideCall& call);
    void add_thread();
    void work();

    const char* const name_;
    const std::size_t limit_;
    const std::chrono::milliseconds idle_life_;
    std::mutex mutex_;
    std::condition_variable is_wanted_;
    std::deque<CallPtr> queue_;
    std::size_t threads_ = 0;
};

// The end of main, when nobody waits for a call any more. While one is under way nothing is destroyed: it would use
// what the handlers of exit() have cleaned up (OpenSSL's), and end the process by a signal.
[[noreturn]] void leave_process(int exit_code);

// The same for functions with a value. While a function hangs, whoever asks for the same key joins it instead of
// leaving one more behind.
template <typename T>
class OutsideFunctions {
  public:
    OutsideFunctions(const char* name, std::size_t limit,
                     std::chrono::milliseconds idle_life = OutsideThreads::kIdleLife)
        : threads_(name, limit, idle_life) {}

    // Empty: no value within `limit`. Throws operation_aborted when cancelled. The function may outlive the caller.
    [[nodiscard]] Task<std::optional<T>> run(std::string key, std::function<T()> function, Clock& clock,
                                             Duration limit) {
        const auto call = call_for(key, std::move(function));
        const CallEnd end = co_await threads_.run(call, clock, clock.now() + limit);
        if (end == CallEnd::cancelled) OutsideThreads::throw_cancelled();
        if (end != CallEnd::ended) co_return std::nullopt;
        co_return call->value;
    }

    // The same without a key: each is made anew.
    [[nodiscard]] Task<std::optional<T>> run(std::function<T()> function, Clock& clock, Duration limit) {
        return run('#' + std::to_string(++calls_without_key_), std::move(function), clock, limit);
    }

    // Likewise, but waits right here, for a moment only; and not at all for a call that hangs already.
    [[nodiscard]] std::optional<T> run_here(const std::string& key, std::function<T()> function,
                                            std::chrono::milliseconds patience) {
        const auto hanging = under_way(key);
        const auto call = hanging ? hanging : call_for(key, std::move(function));
        if (threads_.run_here(call, hanging ? std::chrono::milliseconds::zero() : patience) != CallEnd::ended)
            return std::nullopt;
        return call->value;
    }

  private:
    struct Call final : OutsideCall {
        explicit Call(std::function<T()> wanted) : function(std::move(wanted)) {}
        void perform() override { value.emplace(function()); }

        std::function<T()> function;
        std::optional<T> value;
    };

    // Null: there is none.
    [[nodiscard]] std::shared_ptr<Call> under_way(const std::string& key) {
        std::erase_if(calls_, [](const auto& known) { return known.second.expired(); });
        auto call = calls_[key].lock();
        return call && !threads_.has_ended(*call) ? call : nullptr;
    }

    [[nodiscard]] std::shared_ptr<Call> call_for(const std::string& key, std::function<T()> function) {
        if (auto call = under_way(key)) return call;
        auto call = std::make_shared<Call>(std::move(function));
        calls_[key] = call;
        return call;
    }

    OutsideThreads threads_;
    std::map<std::string, std::weak_ptr<Call>> calls_;  // event loop only
    std::uint64_t calls_without_key_ = 0;
};

}  // namespace jiro
