// SPDX-License-Identifier: MIT
#pragma once
// How far the outcome of a command that has ended is on its way to the server, as the status shows it.

#include <array>
#include <cstddef>
#include <string_view>

namespace jiro {

enum class DeliveryState {
    waiting,    // the server has not confirmed it yet
    delivered,  // it has
    dead,       // given up: a dead letter in the outbox
    dropped,    // an operator gave it up: it will not be sent
};
inline constexpr std::array<std::string_view, 4> kDeliveryStateNames{"waiting", "delivered", "dead", "dropped"};
[[nodiscard]] constexpr std::string_view to_string(DeliveryState state) noexcept {
    return kDeliveryStateNames[static_cast<std::size_t>(state)];
}

}  // namespace jiro
