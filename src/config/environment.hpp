// SPDX-License-Identifier: MIT
#pragma once
// Variables JIRO_A__B set the key A.B. All of them must be keys: a mistyped one is an error, not silently nothing.

#include <vector>

#include "config/node.hpp"
#include "config/schema.hpp"

namespace jiro::config {

struct Override {
    std::size_t key;  // position in schema()
    Node value;
    std::string member;  // not empty: of the key's map, only this one is set
};

// In the order of the variables' names; those of the C# client (JIRO_JiroCloud__...) after ours, which win. What
// Kubernetes sets for a service whose name begins with "jiro" is left out. `config` gets warnings and what became of
// the C# client's keys.
[[nodiscard]] std::vector<Override> read_environment(const Environment& environment, Config& config,
                                                     Problems& problems);

// "WebSocket.HubUrl" -> "JIRO_WEBSOCKET__HUBURL"
[[nodiscard]] std::string variable_of(std::string_view path);

}  // namespace jiro::config
