// SPDX-License-Identifier: MIT
#include "jiro/base/race.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <type_traits>

#include "jiro/base/with_timeout.hpp"

namespace jiro {

namespace asio = boost::asio;

namespace {

// The first to end, and what it threw.
struct First {
    std::size_t index = 0;
    std::exception_ptr exception;
};

template <typename Condition>
Task<First> run_together(std::vector<Task<>> tasks, Condition until) {
    const auto executor = co_await asio::this_coro::executor;
    using Operation = decltype(asio::co_spawn(executor, Task<>(), asio::deferred));
    std::vector<Operation> operations;
    operations.reserve(tasks.size());
    for (auto& task : tasks) operations.push_back(asio::co_spawn(executor, std::move(task), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(operations));
    auto [order, exceptions] = co_await group.async_wait(until, kAwait);
    First first{order.front(), exceptions[order.front()]};
    if constexpr (std::is_same_v<Condition, asio::experimental::wait_for_one_error>) {
        for (const std::size_t index : order) {
            if (!first.exception) first = {index, exceptions[index]};
        }
    }
    co_return first;
}

}  // namespace

Task<std::size_t> race(std::vector<Task<>> tasks) {
    const auto first = co_await run_together(std::move(tasks), asio::experimental::wait_for_one());
    if (first.exception) std::rethrow_exception(first.exception);
    co_return first.index;
}

Task<std::size_t> race(Task<> first, Task<> second) { return race(tasks(std::move(first), std::move(second))); }

Task<> all(std::vector<Task<>> tasks) {
    if (tasks.empty()) co_return;  // of which none is the first
    const auto first = co_await run_together(std::move(tasks), asio::experimental::wait_for_one_error());
    if (first.exception) std::rethrow_exception(first.exception);
}

Task<bool> unless_cancelled(Task<> operation) {
    try {
        co_await std::move(operation);
    } catch (const std::exception& error) {
        if (!is_cancellation(error)) throw;
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    const bool is_cancelled = state.cancelled() != asio::cancellation_type::none;
    if (is_cancelled) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_return !is_cancelled;
}

bool is_cancellation(const std::exception& exception) noexcept {
    const auto* error = dynamic_cast<const boost::system::system_error*>(&exception);
    return error != nullptr && error->code() == asio::error::operation_aborted;
}

Task<bool> with_timeout(Clock& clock, Duration limit, Task<> operation) {
    auto sleep = clock.sleep_for(limit);
    const std::size_t first = co_await race(std::move(operation), std::move(sleep));
    co_return first == 0;
}

}  // namespace jiro
