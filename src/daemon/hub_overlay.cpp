// SPDX-License-Identifier: MIT
#include "daemon/hub_overlay.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/state_directory.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/json.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kLongestOverlay = 64 * 1024;

Error failed_to_write(std::string_view doing) {
    const boost::system::error_code code(errno, boost::system::generic_category());
    return Error(code).with_prefix(doing);
}

bool write_fully(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(file, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return fsync(file) == 0;
}

bool is_missing(const Error& error) { return error.code == boost::system::errc::no_such_file_or_directory; }

}  // namespace

std::filesystem::path hub_overlay_path(const config::Config& config, const Environment& environment) {
    const auto outbox = find_outbox_path(config.delivery.outbox, environment);
    if (outbox.empty() || outbox == kInMemory) return {};
    return outbox.parent_path() / "hub-settings.json";
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

Result<> write_overlay(const std::filesystem::path& overlay, const std::string& text) {
    const std::filesystem::path fresh = overlay.string() + ".new";
    {
        const FileDescriptor file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!file || !write_fully(file.get(), text)) return failed_to_write("cannot be written");
    }
    if (rename(fresh.c_str(), overlay.c_str()) != 0) return failed_to_write("cannot be put in place");
    return {};
}

}  // namespace jiro::daemon
