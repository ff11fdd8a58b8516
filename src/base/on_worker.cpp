// SPDX-License-Identifier: MIT
#include "jiro/base/on_worker.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>

#include "jiro/base/event.hpp"

namespace jiro {

namespace asio = boost::asio;

namespace {

// Shared by the waiting coroutine and the worker: either may go first.
struct Job {
    explicit Job(const Executor& executor) : done(executor) {}

    Event done;  // this and what follows: touched on the event loop only
    bool finished = false;
    std::exception_ptr failure;
};

}  // namespace

Task<> post_to_worker(asio::thread_pool& workers, std::function<void()> work) {
    const auto executor = co_await asio::this_coro::executor;
    const auto job = std::make_shared<Job>(executor);
    asio::post(workers, [job, executor, work = std::move(work)]() mutable {
        std::exception_ptr failure;
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
        work = nullptr;  // what the function owns ends here, not on the event loop
        asio::post(executor, [job = std::move(job), failure] {
            job->finished = true;
            job->failure = failure;
            job->done.notify();
        });
    });
    while (!job->finished) co_await job->done.wait();
    if (job->failure) std::rethrow_exception(job->failure);
}

}  // namespace jiro
