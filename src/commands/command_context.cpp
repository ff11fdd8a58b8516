// SPDX-License-Identifier: MIT
#include "jiro/commands/command_context.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>

#include "commands/command_line.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/text.hpp"

namespace jiro::commands {

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

std::vector<std::string> CommandContext::arguments() const {
    if (parts_.arguments_are == ArgumentsAre::one_text) return {std::string(parts_.argument_text)};
    return split_words(parts_.argument_text).value();  // resolve() has looked at them
}

const std::string* CommandContext::parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : parts_.message.parameters) {
        if (equal_ignoring_case(key, name)) return &value;
    }
    return nullptr;
}

Task<> CommandContext::post_to_worker(std::function<void()> work) {
    const auto executor = co_await asio::this_coro::executor;
    const auto job = std::make_shared<Job>(executor);
    asio::post(workers_, [job, executor, work = std::move(work)]() mutable {
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

}  // namespace jiro::commands
