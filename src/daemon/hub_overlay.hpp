// SPDX-License-Identifier: MIT
#pragma once
// The keys that the hub has set, in a file beside the outbox (config/locations.hpp). It is read with the configuration
// while Hub.Requests has `config`, and written by ConfigUpdated only. These functions block.

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "jiro/base/error.hpp"
#include "jiro/config/load.hpp"

namespace jiro::daemon {

// Key path to value.
using HubValues = std::map<std::string, nlohmann::json, std::less<>>;

// Empty: this daemon keeps no state on a disk.
[[nodiscard]] std::filesystem::path hub_overlay_path(const config::Config& config, const Environment& environment);

// The configuration file with the hub's keys over it. An overlay that cannot be used is left out, with a warning in the
// result: the operator's file alone is a good configuration.
[[nodiscard]] config::LoadResult load_with_overlay(const std::filesystem::path& file, const Environment& environment);

// What is in the file; none: no file.
[[nodiscard]] Result<HubValues> read_hub_values(const std::filesystem::path& overlay);
[[nodiscard]] std::string overlay_text(const HubValues& values);

}  // namespace jiro::daemon
