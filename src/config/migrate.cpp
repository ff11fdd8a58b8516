// SPDX-License-Identifier: MIT
#include "jiro/config/migrate.hpp"

#include <algorithm>

#include "config/schema.hpp"

namespace jiro::config {

namespace {

const ForeignUse* origin_of(const Config& config, std::string_view path) {
    const auto found = std::ranges::find_if(
        config.foreign, [&](const ForeignUse& use) { return use.ours == path && !use.note.starts_with("not used"); });
    return found == config.foreign.end() ? nullptr : &*found;
}

// Keys whose defaults are others with the C# client's configuration.
bool is_their_default(const Config& config, std::string_view path) {
    const bool is_there = path != "Commands.Default" || config.commands.default_command.has_value();
    return config.is_appsettings && is_there &&
           (path == "Commands.Prefix" || path == "Commands.Default" || path == "Hub.Requests");
}

std::string value_of_key(const Config& config, const Key<Config>& key, Secrets secrets) {
    const std::string masked = key.show(config, Reveal::masked);
    auto plain = key.show(config, Reveal::plain);
    if (masked == plain || secrets == Secrets::written) return plain;
    return masked + "  # a secret: write it here, or better into a file of its own (ApiKeyFile, AccessTokenFile)";
}

}  // namespace

std::string foreign_mapping(const Config& config) {
    std::string text;
    for (const auto& [theirs, ours, place, note] : config.foreign) {
        if (ours.empty()) continue;  // a warning of its own
        text += place + ": " + theirs + " -> " + ours + (note.empty() ? "" : " (" + note + ')') + '\n';
    }
    return text;
}

std::string as_our_yaml(const Config& config, Secrets secrets) {
    std::string text;
    std::string section;
    for (const Key<Config>& key : schema()) {
        if (!config.provenance.contains(key.path) && !is_their_default(config, key.path)) continue;
        begin_key(key.path, section, text);
        text += ' ' + value_of_key(config, key, secrets);
        if (const auto* origin = origin_of(config, key.path)) text += "  # " + origin->theirs;
        text += '\n';
    }
    for (const auto& use : config.foreign) {
        if (use.ours.empty()) text += "# " + use.theirs + ": means nothing here: " + use.note + '\n';
    }
    return text;
}

}  // namespace jiro::config
