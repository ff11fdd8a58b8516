// SPDX-License-Identifier: MIT
#pragma once
// The other end of the control socket, blocking: for `jiro-dev-hub send` and its sisters, and for tests that drive a
// server in another process.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "jiro/base/error.hpp"

namespace jiro::dev_hub {

// One request, one response. Waits as long as the server takes.
[[nodiscard]] Result<nlohmann::json> ask(const std::filesystem::path& socket, const nlohmann::json& request);

}  // namespace jiro::dev_hub
