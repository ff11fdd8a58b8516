#pragma once
// The one way in which the project limits how long an operation may take:
//
//     auto response = co_await with_timeout(clock, settings.negotiate_timeout, http.post(request));
//     if (!response) return Error(errc::negotiate_timeout);   // named where it is known what was being waited for
//
// Boost 1.81 has no asio::cancel_after; this races the operation with Clock::sleep_until and cancels the loser.

#include <optional>
#include <utility>

#include "jiro/base/clock.hpp"
#include "jiro/base/race.hpp"

namespace jiro {

// The operation's value, or nullopt when `limit` passed first; the operation was then cancelled and has ended.
// An exception of the operation passes through.
template <typename T>
requires(!std::is_void_v<T>) Task<std::optional<T>> with_timeout(Clock& clock, Duration limit, Task<T> operation) {
    using namespace boost::asio::experimental::awaitable_operators;
    auto winner = co_await (ended(std::move(operation)) || clock.sleep_for(limit));
    if (winner.index() == 1) co_return std::nullopt;
    auto& end = std::get<0>(winner);
    if (end.exception) std::rethrow_exception(end.exception);
    co_return std::move(end.value);
}

// True when the operation ended in time.
inline Task<bool> with_timeout(Clock& clock, Duration limit, Task<> operation) {
    using namespace boost::asio::experimental::awaitable_operators;
    auto winner = co_await (ended(std::move(operation)) || clock.sleep_for(limit));
    if (winner.index() == 1) co_return false;
    const auto& end = std::get<0>(winner);
    if (end.exception) std::rethrow_exception(end.exception);
    co_return true;
}

}  // namespace jiro
