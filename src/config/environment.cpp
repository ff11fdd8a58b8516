// SPDX-License-Identifier: MIT
#include "config/environment.hpp"

#include <algorithm>
#include <array>
#include <boost/regex.hpp>
#include <optional>

#include "config/suggest.hpp"
#include "config/yaml_reader.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

constexpr std::string_view kPrefix = "JIRO_";

// Not configuration: what an exec command's program sees of its command (it may call jiro-client), and what the chaos
// tests tell the daemon.
bool is_reserved(std::string_view name) {
    static constexpr std::array<std::string_view, 5> kNames{"JIRO_COMMAND", "JIRO_COMMAND_ID", "JIRO_SESSION_ID",
                                                            "JIRO_RUN", "JIRO_FAILPOINT"};
    return name.starts_with("JIRO_PARAM_") || std::ranges::find(kNames, name) != kNames.end();
}

// JIRO_SERVICE_HOST, JIRO_HUB_PORT=tcp://10.0.0.9:80, JIRO_HUB_PORT_80_TCP_ADDR ...: a service, no mistyped key.
bool is_kubernetes_service(std::string_view name, std::string_view text) {
    static const boost::regex kService(
        "JIRO_(?:[A-Z0-9_]*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|"
        "PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)");
    static const boost::regex kAddress("(?:tcp|udp|sctp)://.*");
    if (boost::regex_match(name.begin(), name.end(), kService)) return true;
    return name.ends_with("_PORT") && boost::regex_match(text.begin(), text.end(), kAddress);
}

Node value_of(const Key<Config>& key, const std::string& text, const Place& place, Problems& problems) {
    if (key.kind.is_structured) return read_yaml_value(text, place.file, problems);
    Node node;
    node.kind = text.empty() || text == "null" ? Node::Kind::null : Node::Kind::scalar;
    node.place = place;
    node.text = text;
    return node;
}

}  // namespace

std::string variable_of(std::string_view path) {
    std::string name(kPrefix);
    for (const char c : upper_case(path)) name += c == '.' ? std::string("__") : std::string(1, c);
    return name;
}

std::vector<Override> read_environment(const Environment& environment, Problems& problems,
                                       std::vector<Warning>& warnings) {
    std::vector<std::string> names;
    std::vector<std::string> services;
    for (const Key<Config>& key : schema()) names.push_back(variable_of(key.path));
    std::vector<Override> overrides;
    std::map<std::size_t, std::string> given;
    for (const auto& [name, text] : environment) {
        if (!upper_case(name).starts_with(kPrefix) || is_reserved(name)) continue;
        const Place place{"environment " + name};
        const auto found = std::ranges::find(names, upper_case(name));
        if (found == names.end() && is_kubernetes_service(name, text)) {
            services.push_back(name);
            continue;
        }
        if (found == names.end()) {
            const std::vector<std::string_view> known(names.begin(), names.end());
            problems.add(place, "", "no key of the configuration has this name" + did_you_mean(name, known));
            continue;
        }
        const auto index = static_cast<std::size_t>(found - names.begin());
        const Key<Config>& key = schema()[index];
        const auto [earlier, is_new] = given.try_emplace(index, name);
        if (!is_new) {
            problems.add(place, key.path, "is also given by " + earlier->second);
            continue;
        }
        overrides.push_back({index, value_of(key, text, place, problems)});
    }
    if (!services.empty()) {
        warnings.push_back({"", "environment " + join_with_commas(services) +
                                    ": taken for variables of a Kubernetes service and ignored"});
    }
    return overrides;
}

}  // namespace jiro::config
