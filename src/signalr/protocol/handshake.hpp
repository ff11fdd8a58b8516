// SPDX-License-Identifier: MIT
#pragma once
// The first record each way (HubProtocol, "Handshake").

#include <string>
#include <string_view>

#include "jiro/base/error.hpp"

namespace jiro::signalr {

// The whole record. Version 2 only when the server confirmed stateful reconnect: older servers refuse it.
[[nodiscard]] std::string handshake_request(bool stateful);

// errc::handshake_failed when the server refused, or when `record` is something else.
[[nodiscard]] Result<void> parse_handshake_response(std::string_view record);

}  // namespace jiro::signalr
