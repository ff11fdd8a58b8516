// SPDX-License-Identifier: MIT
#pragma once
// Waiter: a coroutine of the event loop that waits for something that ends on another thread. What has ended together
// is resumed together, by one message to the loop, not by one for each.
//
//     auto ended = until_resumed([&](Waiter waiter) { call->waiter.emplace(std::move(waiter)); });
//     co_await std::move(ended);

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "jiro/base/task.hpp"

namespace jiro::delivery {

class Waiter {
  public:
    using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<Executor>, void()>::handler_type;

    explicit Waiter(Handler handler) : handler_(std::move(handler)), loop_has_work_(handler_.get_executor()) {}

    [[nodiscard]] Executor executor() const noexcept { return loop_has_work_.get_executor(); }
    [[nodiscard]] boost::asio::cancellation_slot cancellation_slot() const noexcept {
        return boost::asio::get_associated_cancellation_slot(handler_);
    }
    // Once, on the loop.
    void resume() {
        cancellation_slot().clear();  // nobody may cancel what has ended
        loop_has_work_.reset();
        auto handler = std::move(handler_);
        std::move(handler)();
    }

  private:
    Handler handler_;
    boost::asio::executor_work_guard<Executor> loop_has_work_;
};

// begin(waiter) puts it where the end will be known; it may be resumed before that returns.
template <typename Begin>
[[nodiscard]] Task<> until_resumed(Begin begin) {
    auto initiate = [begin = std::move(begin)](Waiter::Handler handler) mutable { begin(Waiter(std::move(handler))); };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>, void()>(std::move(initiate),
                                                                                             kAwait);
}

// Called on the loop: one after the other, from `next` on. Should one throw, the others are resumed all the same, by a
// message of their own.
inline void resume_all(std::vector<Waiter> waiters, std::size_t next = 0) {
    struct Rest {
        std::vector<Waiter>& waiters;
        std::size_t next;
        ~Rest() {
            if (next == waiters.size()) return;
            const Executor executor = waiters[next].executor();
            boost::asio::post(executor, [waiters = std::move(waiters), next = next]() mutable {
                resume_all(std::move(waiters), next);
            });
        }
    };
    for (Rest rest{waiters, next}; rest.next < waiters.size();) waiters[rest.next++].resume();
}

}  // namespace jiro::delivery
