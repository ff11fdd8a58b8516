// SPDX-License-Identifier: MIT
#pragma once
// All that can be said about a configuration without acting on it: what config finds in the file and the environment,
// and what commands finds in the definitions. `run`, a reload, check-config, doctor and every other subcommand load it
// by this one function, so that what one of them accepts the others accept.

#include <filesystem>

#include "jiro/config/load.hpp"

namespace jiro::daemon {

[[nodiscard]] config::LoadResult load_configuration(const std::filesystem::path& file,
                                                    const config::Environment& environment);

}  // namespace jiro::daemon
