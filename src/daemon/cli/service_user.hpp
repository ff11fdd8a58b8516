// SPDX-License-Identifier: MIT
#pragma once
// Root's command line acts as the daemon's user where it touches what is that user's: files that root makes there would
// shut the daemon out, and what that user put there must not lead root elsewhere.

#include <filesystem>
#include <optional>
#include <string>

#include "jiro/base/error.hpp"

namespace jiro::daemon::cli {

// For root: becomes, for good and with that user's groups only, the owner of the first folder on the way to `folder`
// that is not root's; below it, links are that user's own. The user's name; nullopt: nothing to do.
[[nodiscard]] Result<std::optional<std::string>> become_owner_of(const std::filesystem::path& folder);

}  // namespace jiro::daemon::cli
