// SPDX-License-Identifier: MIT
#pragma once
// The keys that the hub has set, in a file beside the outbox (config/locations.hpp). It is read with the configuration
// while Hub.Requests has `config`, and written by ConfigUpdated only. These functions block.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "jiro/base/error.hpp"
#include "jiro/config/load.hpp"

namespace jiro::daemon {

// Empty: this daemon keeps no state on a disk.
[[nodiscard]] std::filesystem::path hub_overlay_path(const config::Config& config, const Environment& environment);

// The configuration file with the hub's keys over it. An overlay that cannot be used is left out, with a warning in the
// result: the operator's file alone is a good configuration.
[[nodiscard]] config::LoadResult load_with_overlay(const std::filesystem::path& file, const Environment& environment);
// How long whoever may not wait for ever gives it, and what they have then.
inline constexpr std::chrono::seconds kLoadLimit{10};
[[nodiscard]] config::LoadResult not_loaded_in_time(const std::filesystem::path& file);

// The text of the file; none: there is no file. The error names it.
[[nodiscard]] Result<std::optional<std::string>> read_overlay(const std::filesystem::path& overlay);
// None: there is to be no file.
[[nodiscard]] Result<> write_overlay(const std::filesystem::path& overlay, const std::optional<std::string>& text);

}  // namespace jiro::daemon
