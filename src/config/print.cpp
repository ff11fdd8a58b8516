// SPDX-License-Identifier: MIT
#include "jiro/config/print.hpp"

#include <algorithm>

#include "config/environment.hpp"
#include "config/schema.hpp"

namespace jiro::config {

void begin_key(std::string_view path, std::string& current, std::string& out) {
    const auto last_dot = path.rfind('.');
    const std::string wanted(last_dot == std::string_view::npos ? "" : path.substr(0, last_dot));
    std::string indent;
    for (std::size_t begin = 0; begin < wanted.size(); indent += "  ") {
        const std::size_t end = std::min(wanted.find('.', begin), wanted.size());
        const bool is_open = current == wanted.substr(0, end) || current.starts_with(wanted.substr(0, end) + '.');
        if (!is_open) out += indent + wanted.substr(begin, end - begin) + ":\n";
        begin = end + 1;
    }
    current = wanted;
    out += indent + std::string(path.substr(last_dot + 1)) + ':';
}

std::string print_effective(const Config& config) {
    std::string out;
    std::string section;
    for (const Key<Config>& key : schema()) {
        begin_key(key.path, section, out);
        const auto origin = config.provenance.find(key.path);
        const std::string comment = "  # " + (origin == config.provenance.end() ? "default" : origin->second);
        const std::string value = key.show(config, Reveal::masked);
        const auto line_end = std::min(value.find('\n'), value.size());
        if (line_end > 0) out += ' ' + value.substr(0, line_end);
        out += comment + value.substr(line_end) + '\n';
    }
    return out;
}

std::string_view to_string(Effect effect) {
    static constexpr std::string_view kTexts[] = {"at once", "the hub connection is opened anew",
                                                  "the gRPC channel is opened anew", "needs a restart"};
    return kTexts[static_cast<std::size_t>(effect)];
}

namespace {

// What a key's value stands for, where that is read with it.
std::string content_of(const Config& config, const Key<Config>& key) {
    std::string content = key.show(config, Reveal::plain);
    if (key.path != "Commands.Trust.Keys") return content;
    for (const auto& [id, trusted] : config.commands.trust.keys) content += ' ' + id + ' ' + trusted.bytes();
    return content;
}

}  // namespace

std::vector<KeyEffect> changes(const Config& before, const Config& after) {
    std::vector<KeyEffect> result;
    for (const Key<Config>& key : schema()) {
        if (content_of(before, key) != content_of(after, key)) result.push_back({key.path, key.effect});
    }
    return result;
}

namespace {

void copy_key(const Key<Config>& key, const Config& from, Config& to) {
    key.copy(from, to);
    const auto found = from.secrets.find(key.path);
    to.secrets.insert_or_assign(std::string(key.path),
                                found == from.secrets.end() ? std::vector<Secret>() : found->second);
}

}  // namespace

Config with_keys(Config running, const Config& loaded, const std::vector<std::string>& paths) {
    for (const Key<Config>& key : schema()) {
        if (std::ranges::find(paths, key.path) != paths.end()) copy_key(key, loaded, running);
    }
    return running;
}

Config in_force(Config loaded, const Config& running) {
    for (const Key<Config>& key : schema()) {
        if (key.effect == Effect::restart) copy_key(key, running, loaded);
    }
    return loaded;
}

}  // namespace jiro::config
