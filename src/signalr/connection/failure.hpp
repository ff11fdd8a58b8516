// SPDX-License-Identifier: MIT
#pragma once
// Why an attempt or a connection ended, with what the reconnect policy needs to know about it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// What a server says may repeat what it was told, and be of any length: `text` with the secrets replaced by ***, then
// shortened.
[[nodiscard]] std::string peer_text(std::string_view text, const std::vector<Secret>& secrets);

}  // namespace jiro::signalr
