#pragma once
// Two coroutines side by side until the first of them ends, however it ends; the other is then cancelled and awaited.
// Asio's own `a || b` waits for the first *success*: a branch that throws leaves the program waiting for the other one.
//
//     auto serving = serve();                     // named: GCC 12 loses temporaries of an awaited expression
//     auto stopping = stop_on_signal();
//     co_await race(std::move(serving), std::move(stopping));   // an exception of either passes through

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "jiro/base/task.hpp"

namespace jiro {

// How a coroutine ended: exactly one of the two is set.
template <typename T>
struct Ended {
    std::optional<T> value;
    std::exception_ptr exception;
};

template <>
struct Ended<void> {
    std::exception_ptr exception;
};

// The operation, with its exception as data.
template <typename T>
Task<Ended<T>> ended(Task<T> operation) {
    Ended<T> result;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(operation);
        } else {
            result.value.emplace(co_await std::move(operation));
        }
    } catch (...) {
        result.exception = std::current_exception();
    }
    co_return result;
}

// 0 or 1: which one ended first. Throws what that one threw.
inline Task<std::size_t> race(Task<> first, Task<> second) {
    using namespace boost::asio::experimental::awaitable_operators;
    auto winner = co_await (ended(std::move(first)) || ended(std::move(second)));
    const std::size_t index = winner.index();
    const Ended<void>& end = index == 0 ? std::get<0>(winner) : std::get<1>(winner);
    if (end.exception) std::rethrow_exception(end.exception);
    co_return index;
}

}  // namespace jiro
