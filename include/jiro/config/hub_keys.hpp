// SPDX-License-Identifier: MIT
#pragma once
// The configuration as the hub sees it: flat, secrets masked; and the few keys that it may set, in a file of their own
// that lies over the operator's. Never what runs, what is trusted, where anything is, or what could cut the machine
// off. Pure.

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/config/config.hpp"
#include "jiro/config/load.hpp"

namespace jiro::config {

// Effective values as text by key, joined with ':' as .NET does, under the C# client's name where it has one
// ("JiroCloud:WebSocket:HubUrl", "WebSocket:Tls:Verify"); of Commands.Exec the names only.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> flattened(const Config& config);

// A key by any of its names, ours or the C# client's: without regard to case, parts joined with '.', ':' or "__"; also
// a name inside of it, which nobody may set.
struct HubKey {
    std::string_view path;  // as in the documentation; empty: there is no such key
    bool may_be_set = false;
};
[[nodiscard]] HubKey find_hub_key(std::string_view name);

// What the hub has set: key path to value.
using HubValues = std::map<std::string, nlohmann::json, std::less<>>;

// All that an overlay says, by the reader that load.hpp has for it. The error says what is wrong first, with its place.
[[nodiscard]] Result<HubValues> read_hub_values(const Overlay& overlay);
[[nodiscard]] std::string overlay_text(const HubValues& values);

}  // namespace jiro::config
