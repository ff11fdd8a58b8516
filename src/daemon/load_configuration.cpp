// SPDX-License-Identifier: MIT
#include "daemon/load_configuration.hpp"

#include "jiro/commands/command_registry.hpp"

namespace jiro::daemon {

config::LoadResult load_configuration(const std::filesystem::path& file, const config::Environment& environment) {
    auto loaded = config::load_file(file, environment);
    if (!loaded) return loaded;
    for (auto& problem : commands::check(loaded.config->commands)) {
        const auto origin = loaded.config->provenance.find(problem.key_path);
        if (problem.source.empty())
            problem.source = origin == loaded.config->provenance.end() ? file.string() : origin->second;
        loaded.errors.push_back(
            {std::move(problem.source), 0, 0, std::move(problem.key_path), std::move(problem.what)});
    }
    if (!loaded.errors.empty()) loaded.config.reset();
    return loaded;
}

}  // namespace jiro::daemon
