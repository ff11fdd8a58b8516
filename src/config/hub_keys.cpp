// SPDX-License-Identifier: MIT
#include "jiro/config/hub_keys.hpp"

#include <algorithm>
#include <array>
#include <boost/system/errc.hpp>
#include <cstdint>
#include <optional>

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

nlohmann::json hub_value(const Node& node) {
    if (node.kind == Node::Kind::null) return nullptr;
    const auto number = node.quoted ? std::nullopt : parse_number<std::int64_t>(node.text);
    return number ? nlohmann::json(*number) : nlohmann::json(node.text);
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

std::map<std::size_t, Assigned> match_overlay(const Node& overlay, Problems& problems) {
    auto found = match_keys(overlay, paths_of(schema()), "", problems);
    for (const auto& [index, value] : found) {
        const std::string_view path = schema()[index].path;
        if (!find_hub_key(path).may_be_set) problems.add(value.place, path, "is not for the hub to set");
    }
    return found;
}

Result<HubValues> read_hub_values(const Overlay& overlay) {
    Problems problems;
    HubValues values;
    const Node root = read_yaml(overlay.text, overlay.name, problems);
    for (const auto& [index, value] : match_overlay(root, problems)) {
        const std::string_view path = schema()[index].path;
        if (!value.node->items.empty() || !value.node->members.empty())
            problems.add(value.place, path, "expected one value");
        values[std::string(path)] = hub_value(*value.node);
    }
    if (problems.empty()) return values;
    return Error(make_error_code(boost::system::errc::invalid_argument),
                 to_string(std::move(problems).sorted(overlay.name).front()));
}

std::string overlay_text(const HubValues& values) {
    auto tree = nlohmann::json::object();
    for (const auto& [path, value] : values) {
        const auto dot = path.find('.');
        tree[path.substr(0, dot)][path.substr(dot + 1)] = value;
    }
    return tree.dump(2) + '\n';
}

}  // namespace jiro::config
