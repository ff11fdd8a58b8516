// SPDX-License-Identifier: MIT
#pragma once
// Coroutines side by side, on the executor of the one that awaits them. These are the project's only ways to do that:
// Asio's own `a || b` waits for the first *success*, so that a branch that throws leaves the program waiting for the
// other one.
//
//     auto serving = serve();                     // named: GCC 12 loses temporaries of an awaited expression
//     auto stopping = stop_on_signal();
//     co_await race(std::move(serving), std::move(stopping));   // an exception of either passes through
//
// Cancelled from outside, both cancel their tasks, wait for them, and throw what the first of them threw.

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "jiro/base/task.hpp"

namespace jiro {

// The index of the task that ended first, however it ended; the others are then cancelled and awaited. Throws what that
// one threw.
[[nodiscard]] Task<std::size_t> race(std::vector<Task<>> tasks);
[[nodiscard]] Task<std::size_t> race(Task<> first, Task<> second);

// Ends when all have ended. When one throws, the others are cancelled and awaited, and its exception is thrown.
[[nodiscard]] Task<> all(std::vector<Task<>> tasks);

// True for the exception that ends a cancelled coroutine: not an error, and passed on.
[[nodiscard]] bool is_cancellation(const std::exception& exception) noexcept;

// Whether it ended. If not, the coroutine that awaits this was cancelled from outside, as the task was; from here on it
// cannot be any more, and may tidy up.
[[nodiscard]] Task<bool> unless_cancelled(Task<> operation);

// A task with a value as one without, for race(): the value goes into `to`, which must outlive the task.
template <typename T>
[[nodiscard]] Task<> into(std::optional<T>& to, Task<T> operation) {
    auto value = co_await std::move(operation);
    to.emplace(std::move(value));
}

// A vector of tasks, which cannot be copied out of a braced list.
template <typename... Tasks>
[[nodiscard]] std::vector<Task<>> tasks(Tasks... each) {
    std::vector<Task<>> list;
    list.reserve(sizeof...(each));
    (list.push_back(std::move(each)), ...);
    return list;
}

}  // namespace jiro
