// SPDX-License-Identifier: MIT
#pragma once
// The coroutine type of the whole project and the completion tokens that go with it. Every asynchronous function of
// ours returns Task<T> and runs on an event loop, whose executor they know by its own type: Asio's any_io_executor
// costs a virtual call and an allocation here and there. An Asio operation is awaited with kAwait; one whose failure is
// data, not an exception, with kNoThrow, and yields (error_code, values...).

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace jiro {

using Executor = boost::asio::io_context::executor_type;

template <typename T = void>
using Task = boost::asio::awaitable<T, Executor>;

inline constexpr boost::asio::use_awaitable_t<Executor> kAwait;
inline constexpr auto kNoThrow = boost::asio::as_tuple(kAwait);

}  // namespace jiro
