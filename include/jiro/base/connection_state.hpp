// SPDX-License-Identifier: MIT
#pragma once
// The states of a connection that stays, by the seed's names: said by signalr, counted and shown by monitor. A leaf, so
// that neither needs to know the other.

#include <array>
#include <string_view>

namespace jiro {

enum class ConnectionState { disconnected, connecting, connected, reconnecting, failed, disconnecting };

inline constexpr std::array<std::string_view, 6> kConnectionStateNames{"Disconnected", "Connecting", "Connected",
                                                                       "Reconnecting", "Failed",     "Disconnecting"};

[[nodiscard]] constexpr std::string_view to_string(ConnectionState state) noexcept {
    return kConnectionStateNames[static_cast<std::size_t>(state)];
}

}  // namespace jiro
