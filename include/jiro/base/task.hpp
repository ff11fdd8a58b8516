// SPDX-License-Identifier: MIT
#pragma once
// The coroutine type of the whole project and the completion token that goes with it. Every asynchronous function of
// ours returns Task<T>; an Asio operation whose failure is data, not an exception, is awaited with kNoThrow and yields
// (error_code, values...).

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace jiro {

template <typename T = void>
using Task = boost::asio::awaitable<T>;

inline constexpr auto kNoThrow = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace jiro
