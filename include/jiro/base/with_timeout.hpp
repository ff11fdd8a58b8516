// SPDX-License-Identifier: MIT
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

// True when the operation ended in time. When `limit` passed first, it was cancelled and has ended. Its exception
// passes through.
[[nodiscard]] Task<bool> with_timeout(Clock& clock, Duration limit, Task<> operation);

// The operation's value, or nullopt when `limit` passed first.
template <typename T>
requires(!std::is_void_v<T>)
    [[nodiscard]] Task<std::optional<T>> with_timeout(Clock& clock, Duration limit, Task<T> operation) {
    std::optional<T> value;
    auto keeping = into(value, std::move(operation));
    const bool in_time = co_await with_timeout(clock, limit, std::move(keeping));
    if (!in_time) value.reset();
    co_return value;
}

}  // namespace jiro
