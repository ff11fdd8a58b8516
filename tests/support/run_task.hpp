// SPDX-License-Identifier: MIT
#pragma once
// Runs coroutines in a test: on an io_context of the test's own, on the test's thread, with no real time passing.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <stdexcept>

#include "jiro/base/task.hpp"

namespace jiro::test {

// Lets every coroutine go as far as it can without time or I/O; call again after ManualClock::advance.
void settle(boost::asio::io_context& context);

// Runs `task` to its end and returns its value; throws what it throws. Fails with logic_error when it is stuck.
template <typename T>
T run_task(boost::asio::io_context& context, Task<T> task) {
    std::optional<T> value;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr exception, T result) {
        failure = exception;
        value.emplace(std::move(result));
    });
    context.restart();
    while (!value && context.run_one() > 0) {
    }
    if (failure) std::rethrow_exception(failure);
    if (!value) throw std::logic_error("the task is stuck");
    return std::move(*value);
}

void run_task(boost::asio::io_context& context, Task<> task);

}  // namespace jiro::test
