// SPDX-License-Identifier: MIT
#pragma once
// A function that computes or waits, on a thread of a pool; its value comes back to the event loop, from which this is
// awaited. What the function throws is thrown there. A cancellation returns at once and leaves the function running: it
// must own all that it touches (capture by value), and what it owns ends on its thread.

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "jiro/base/task.hpp"

namespace jiro {

[[nodiscard]] Task<> post_to_worker(boost::asio::thread_pool& workers, std::function<void()> work);

template <typename Function>
[[nodiscard]] Task<std::invoke_result_t<Function&>> on_worker(boost::asio::thread_pool& workers, Function function) {
    using Value = std::invoke_result_t<Function&>;
    if constexpr (std::is_void_v<Value>) {
        co_await post_to_worker(workers, std::move(function));
    } else {
        const auto value = std::make_shared<std::optional<Value>>();
        std::function<void()> work = [value, function = std::move(function)]() mutable { value->emplace(function()); };
        co_await post_to_worker(workers, std::move(work));
        co_return std::move(**value);
    }
}

}  // namespace jiro
