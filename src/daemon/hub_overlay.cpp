// SPDX-License-Identifier: MIT
#include "daemon/hub_overlay.hpp"

#include <boost/system/errc.hpp>
#include <utility>

#include "jiro/base/file.hpp"
#include "jiro/config/locations.hpp"

namespace jiro::daemon {

namespace {

constexpr std::size_t kLongestOverlay = 64 * 1024;

}  // namespace

std::filesystem::path hub_overlay_path(const config::Config& config, const Environment& environment) {
    return config::find_hub_settings_path(config::find_outbox_path(config.delivery.outbox, environment));
}

config::LoadResult load_with_overlay(const std::filesystem::path& file, const Environment& environment) {
    auto alone = config::load_file(file, environment);
    if (!alone || !alone.config->hub.requests.has(config::RequestKind::config)) return alone;
    const auto path = hub_overlay_path(*alone.config, environment);
    if (path.empty()) return alone;
    auto text = read_overlay(path);
    std::string problem;
    if (!text) {
        problem = text.error().message;
    } else if (!*text) {
        return alone;
    } else {
        auto both = config::load_file(file, environment, {std::move(**text), path.string()});
        if (both) return both;
        problem = config::to_string(both.errors.front());
    }
    alone.config->warnings.push_back({"", "what the hub has set is left out: " + problem});
    return alone;
}

config::LoadResult not_loaded_in_time(const std::filesystem::path& file) {
    config::LoadResult late;
    late.errors.push_back({file.string(), 0, 0, {}, "it, or a file that it names, cannot be read in time"});
    return late;
}

Result<std::optional<std::string>> read_overlay(const std::filesystem::path& overlay) {
    auto content = read_small_file(overlay, kLongestOverlay);
    if (content) return std::optional(std::move(content->text));
    if (content.error().code == boost::system::errc::no_such_file_or_directory) return std::optional<std::string>();
    return content.error().with_prefix(overlay.string());
}

Result<> write_overlay(const std::filesystem::path& overlay, const std::optional<std::string>& text) {
    const auto written = text ? write_small_file(overlay, *text) : remove_file(overlay);
    if (!written) return written.error().with_prefix(overlay.string());
    return {};
}

}  // namespace jiro::daemon
