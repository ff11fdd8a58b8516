// SPDX-License-Identifier: MIT
#include "jiro/config/hub_keys.hpp"

#include <algorithm>
#include <array>

#include "config/appsettings.hpp"
#include "config/schema.hpp"
#include "config/yaml_reader.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

constexpr std::string_view kPrograms = "Commands.Exec";

// What the hub may set.
constexpr std::array<std::string_view, 9> kForHub{
    "Commands.MaxConcurrent",  "Commands.MaxQueued",   "Commands.TimeoutMs",
    "Commands.MaxResultBytes", "Grpc.TimeoutMs",       "Grpc.MaxRetries",
    "Grpc.RetryDelayMs",       "Grpc.MaxRetryDelayMs", "Logging.Level"};

std::string joined_with(std::string_view separator, std::string_view path) {
    std::string name;
    for (const char c : path) c == '.' ? name.append(separator) : name.append(1, c);
    return name;
}

using Flat = std::vector<std::pair<std::string, std::string>>;

void add_flat(Flat& flat, const std::string& name, const Node& node) {
    for (const Member& member : node.members) add_flat(flat, name + ':' + member.key, member.value);
    for (std::size_t i = 0; i < node.items.size(); ++i) add_flat(flat, name + ':' + std::to_string(i), node.items[i]);
    if (node.kind == Node::Kind::scalar) flat.emplace_back(name, node.text);
    if (node.kind == Node::Kind::null) flat.emplace_back(name, "");
}

std::string names_of(const std::vector<commands::ExecCommand>& commands) {
    std::vector<std::string> names;
    for (const auto& command : commands) names.push_back(command.name);
    return join_with_commas(names);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> flattened(const Config& config) {
    Flat flat;
    for (const Key<Config>& key : schema()) {
        const std::string_view theirs = foreign_name_of(key.path);
        const std::string name = joined_with(":", theirs.empty() ? key.path : theirs);
        if (key.path == kPrograms) {
            flat.emplace_back(name, names_of(config.commands.exec));
            continue;
        }
        Problems ignored;
        add_flat(flat, name, read_yaml_value(key.show(config, Reveal::masked), name, ignored));
    }
    return flat;
}

HubKey find_hub_key(std::string_view name) {
    for (const Key<Config>& key : schema()) {
        for (const std::string_view separator : {".", ":", "__"}) {
            const bool may_be_set = std::ranges::find(kForHub, key.path) != kForHub.end();
            for (const std::string_view known : {key.path, foreign_name_of(key.path)}) {
                const std::string spelt = joined_with(separator, known);
                if (known.empty()) continue;
                if (equal_ignoring_case(spelt, name)) return {key.path, may_be_set};
                const bool is_inside =
                    name.size() > spelt.size() && equal_ignoring_case(spelt + std::string(separator),
                                                                      name.substr(0, spelt.size() + separator.size()));
                if (is_inside) return {key.path, false};  // a part of its value
            }
        }
    }
    return {};
}

}  // namespace jiro::config
