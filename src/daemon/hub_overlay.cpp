// SPDX-License-Identifier: MIT
#include "daemon/hub_overlay.hpp"

#include "jiro/base/file.hpp"
#include "jiro/base/json.hpp"
#include "jiro/config/locations.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kLongestOverlay = 64 * 1024;

bool is_missing(const Error& error) { return error.code == boost::system::errc::no_such_file_or_directory; }

}  // namespace

std::filesystem::path hub_overlay_path(const config::Config& config, const Environment& environment) {
    return config::find_hub_settings_path(config::find_outbox_path(config.delivery.outbox, environment));
}

config::LoadResult load_with_overlay(const std::filesystem::path& file, const Environment& environment) {
    auto alone = config::load_file(file, environment);
    if (!alone || !alone.config->hub.requests.has(config::RequestKind::config)) return alone;
    const auto path = hub_overlay_path(*alone.config, environment);
    if (path.empty()) return alone;
    auto content = read_small_file(path, kLongestOverlay);
    std::string problem;
    if (content) {
        auto both = config::load_file(file, environment, {std::move(content->text), path.string()});
        if (both) return both;
        problem = config::to_string(both.errors.front());
    } else if (is_missing(content.error())) {
        return alone;
    } else {
        problem = path.string() + ": " + content.error().message;
    }
    alone.config->warnings.push_back({"", "what the hub has set is left out: " + problem});
    return alone;
}

Result<HubValues> read_hub_values(const std::filesystem::path& overlay) {
    HubValues values;
    auto content = read_small_file(overlay, kLongestOverlay);
    if (!content && is_missing(content.error())) return values;
    if (!content) return content.error();
    auto tree = read_json(content->text);
    if (!tree) return tree.error();
    for (const auto& [section, keys] : tree->items()) {
        if (!keys.is_object()) continue;
        for (const auto& [key, value] : keys.items()) values[section + '.' + key] = value;
    }
    return values;
}

std::string overlay_text(const HubValues& values) {
    auto tree = json::object();
    for (const auto& [path, value] : values) {
        const auto dot = path.find('.');
        tree[path.substr(0, dot)][path.substr(dot + 1)] = value;
    }
    return tree.dump(2) + '\n';
}

}  // namespace jiro::daemon
