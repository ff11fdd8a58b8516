// SPDX-License-Identifier: MIT
#pragma once
// Why an attempt or a connection ended, with what the reconnect policy needs to know about it.

#include <cstdint>
#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"

namespace jiro::signalr {

struct Failure {
    Error error;
    bool rejected = false;    // trying again soon is useless: Failed at once
    bool ungraceful = false;  // no hub Close, no WebSocket close frame: stateful reconnect may resume
    std::optional<std::uint16_t> close_code = {};  // of the server's WebSocket close frame
    std::optional<Duration> retry_after = {};      // the server asked for it
};

// What a server says may repeat what it was told: `text` with the secret replaced by ***.
[[nodiscard]] std::string without(std::string text, const Secret& secret);

}  // namespace jiro::signalr
