// SPDX-License-Identifier: MIT
#pragma once
// The state of the way to the result server, as the courier knows it and the status shows it.

#include <array>
#include <cstddef>
#include <string_view>

namespace jiro {

enum class ChannelState {
    open,     // results go out
    probing,  // the server is away: one attempt at a time, ever more slowly
    parked,   // the server refuses us (credentials, wrong address): an operator must act; probed every 1 to 15 minutes
};
inline constexpr std::array<std::string_view, 3> kChannelStateNames{"open", "probing", "parked"};
[[nodiscard]] constexpr std::string_view to_string(ChannelState state) noexcept {
    return kChannelStateNames[static_cast<std::size_t>(state)];
}

}  // namespace jiro
