// SPDX-License-Identifier: MIT
#pragma once
// A coroutine for a caller that is none: the command line.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>

#include "jiro/base/task.hpp"

namespace jiro {

// Runs `task` to its end on the calling thread, with nothing else in `context`, which may be used again. Throws what it
// threw.
template <typename T>
T run_blocking(boost::asio::io_context& context, Task<T> task) {
    std::optional<T> result;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr exception, T value) {
        failure = std::move(exception);
        result = std::move(value);
    });
    context.restart();
    context.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

}  // namespace jiro
