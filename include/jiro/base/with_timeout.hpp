#pragma once
// The one way in which the project limits how long an operation may take:
//
//     auto response = co_await with_timeout(clock, settings.negotiate_timeout, http.post(request));
//     if (!response) return Error(errc::negotiate_timeout);   // named where it is known what was being waited for
//
// Boost 1.81 has no asio::cancel_after; this races the operation with Clock::sleep_until and cancels the loser.

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <optional>
#include <utility>
#include <variant>

#include "jiro/base/clock.hpp"

namespace jiro {

// The operation's value, or nullopt when `limit` passed first; the operation was then cancelled and has ended.
// An exception of the operation passes through.
template <typename T>
    requires(!std::is_void_v<T>)
Task<std::optional<T>> with_timeout(Clock& clock, Duration limit, Task<T> operation) {
    using namespace boost::asio::experimental::awaitable_operators;
    auto winner = co_await (std::move(operation) || clock.sleep_for(limit));
    if (winner.index() == 1) co_return std::nullopt;
    co_return std::move(std::get<0>(winner));
}

// True when the operation ended in time.
inline Task<bool> with_timeout(Clock& clock, Duration limit, Task<> operation) {
    using namespace boost::asio::experimental::awaitable_operators;
    auto winner = co_await (std::move(operation) || clock.sleep_for(limit));
    co_return winner.index() == 0;
}

}  // namespace jiro
