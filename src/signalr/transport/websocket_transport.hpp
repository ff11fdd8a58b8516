// SPDX-License-Identifier: MIT
#pragma once
// The WebSocket, by Beast: text messages out, bytes in, no pings of its own (SignalR has them), no compression.

#include "signalr/transport/transport.hpp"

namespace jiro::signalr {

[[nodiscard]] Task<Result<Upgrade>> open_websocket(Clock& clock, HttpRequest request);

}  // namespace jiro::signalr
