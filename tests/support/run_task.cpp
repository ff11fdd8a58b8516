// SPDX-License-Identifier: MIT
#include "support/run_task.hpp"

#include <boost/asio/co_spawn.hpp>

namespace jiro::test {

void settle(boost::asio::io_context& context) {
    context.restart();
    while (context.poll() > 0) {
    }
}

void run_task(boost::asio::io_context& context, Task<> task) {
    bool ended = false;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr exception) {
        failure = exception;
        ended = true;
    });
    context.restart();
    while (!ended && context.run_one() > 0) {
    }
    if (failure) std::rethrow_exception(failure);
    if (!ended) throw std::logic_error("the task is stuck");
}

}  // namespace jiro::test
