// SPDX-License-Identifier: MIT
#pragma once
// The one serialised form of a finished command: the courier makes it once (serialise), the outbox stores those bytes,
// and they are what is sent each time. Pure functions, callable on any thread.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/model/command_result.hpp"

namespace jiro::delivery {

// Serialised ClientMessage, shared by the outbox, the courier and gRPC without a copy.
using Bytes = std::shared_ptr<const std::string>;

// The room that a result's text or graph data may take by default (gRPC servers refuse messages over 4 MiB).
inline constexpr std::size_t kMaxResultBytes = 3 * 1024 * 1024;

// Never fails: every kind but succeeded becomes isSuccess=false with PLAIN text; a text over `max_bytes` keeps its
// beginning and its end around a line that says how much was left out; a graph over it becomes a text that says so;
// every string field is made valid UTF-8.
[[nodiscard]] Bytes serialise(FinishedCommand command, std::size_t max_bytes = kMaxResultBytes);

// The same message without its parameters and, where that is not enough, with its text cut, so that all of it takes at
// most `max_bytes`; a text that is cut says how much is missing, and `why`. nullopt: it is not longer, there is no room
// for any text, or the bytes are no ClientMessage.
[[nodiscard]] std::optional<Bytes> cut(std::string_view message, std::size_t max_bytes, std::string_view why);

// A stored message as a JSON object, for `jiro-client outbox show`; a string that says so when it is none.
[[nodiscard]] std::string describe(std::string_view message);

}  // namespace jiro::delivery
