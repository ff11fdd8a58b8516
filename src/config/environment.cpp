// SPDX-License-Identifier: MIT
#include "config/environment.hpp"

#include <algorithm>
#include <boost/regex.hpp>

#include "config/appsettings.hpp"
#include "config/yaml_reader.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

constexpr std::string_view kPrefix = "JIRO_";

// Not configuration: what an exec command's program sees of its command, what the chaos tests tell the daemon, and
// `run --test-mode`.
bool is_reserved(std::string_view name) {
    return name == "JIRO_FAILPOINT" || name == "JIRO_TEST_MODE" || commands::is_program_variable(name);
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
    const bool is_null = text.empty() || text == "null";
    return {is_null ? Node::Kind::null : Node::Kind::scalar, place, text, false, {}, {}};
}

}  // namespace

std::string variable_of(std::string_view path) { return std::string(kPrefix) + joined_with("__", upper_case(path)); }

namespace {

// Puts the variables of one process in order.
class EnvironmentReader {
  public:
    EnvironmentReader(Config& config, Problems& problems) : config_(config), problems_(problems) {
        for (const Key<Config>& key : schema()) names_.push_back(variable_of(key.path));
    }

    std::vector<Override> read(const Environment& environment) {
        std::vector<std::pair<std::string, std::string>> theirs;
        for (const auto& [name, text] : environment) {
            if (!upper_case(name).starts_with(kPrefix) || is_reserved(name)) continue;
            const auto found = std::ranges::find(names_, upper_case(name));
            const auto fault = find_fault_of_text(text);
            if (fault) {
                problems_.add({"environment " + name}, "", fault->message);
            } else if (found != names_.end()) {
                add_own(static_cast<std::size_t>(found - names_.begin()), name, text);
            } else if (is_kubernetes_service(name, text)) {
                services_.push_back(name);
            } else {
                theirs.emplace_back(name, text);
            }
        }
        for (const auto& [name, text] : theirs) add_foreign(name, text);
        if (!services_.empty()) {
            config_.warnings.push_back({"", "environment " + join_with_commas(services_) +
                                                ": taken for variables of a Kubernetes service and ignored"});
        }
        return std::move(overrides_);
    }

  private:
    void add_own(std::size_t index, const std::string& name, const std::string& text) {
        const Key<Config>& key = schema()[index];
        const Place place{"environment " + name};
        const auto [earlier, is_new] = given_.try_emplace(index, name);
        if (!is_new) return problems_.add(place, key.path, "is also given by " + earlier->second);
        add_override({index, value_of(key, text, place, problems_), {}});
    }

    // What is not set takes away what the files say where a key may be null; of any other key it says nothing.
    void add_override(Override entry) {
        const bool is_unset = entry.member.empty() && entry.value.kind == Node::Kind::null;
        if (!is_unset || schema()[entry.key].kind.null_clears) overrides_.push_back(std::move(entry));
    }

    void add_foreign(const std::string& name, const std::string& text) {
        const Place place{"environment " + name};
        const auto [key, rest] = find_foreign_variable(std::string_view(name).substr(kPrefix.size()));
        if (key == nullptr) {
            const std::vector<std::string_view> known(names_.begin(), names_.end());
            problems_.add(place, "", "no key of the configuration has this name" + did_you_mean(name, known));
            return;
        }
        config_.is_appsettings |= key->path.starts_with("JiroCloud");
        ForeignUse use{std::string(key->path), std::string(key->ours), place.file, std::string(key->note)};
        if (!rest.empty()) use.theirs.append(1, '.').append(rest);
        if (!key->ours.empty()) assign(*key, std::string(rest), text, place, use);
        config_.foreign.push_back(std::move(use));
    }

    void assign(const ForeignKey& key, std::string member, const std::string& text, const Place& place,
                ForeignUse& use) {
        const auto own = std::ranges::find(schema(), key.ours, &Key<Config>::path);
        const auto index = static_cast<std::size_t>(own - schema().begin());
        if (const auto earlier = given_.find(index); earlier != given_.end() && member.empty()) {
            use.note = "not used: " + earlier->second + " is given";
            return;
        }
        if (member.empty()) given_.try_emplace(index, place.file);
        Node value = adapted(key, member.empty() ? value_of(*own, text, place, problems_) : text_node(text, place), "");
        add_override({index, std::move(value), std::move(member)});
    }

    static Node text_node(const std::string& text, const Place& place) {
        return {Node::Kind::scalar, place, text, true, {}, {}};
    }

    Config& config_;
    Problems& problems_;
    std::vector<std::string> names_;
    std::vector<Override> overrides_;
    std::map<std::size_t, std::string> given_;
    std::vector<std::string> services_;
};

}  // namespace

std::vector<Override> read_environment(const Environment& environment, Config& config, Problems& problems) {
    return EnvironmentReader(config, problems).read(environment);
}

}  // namespace jiro::config
