// SPDX-License-Identifier: MIT
#include "jiro/config/load.hpp"

#include "config/checks.hpp"
#include "config/environment.hpp"
#include "config/schema.hpp"
#include "config/yaml_reader.hpp"
#include "jiro/base/file.hpp"

namespace jiro::config {

Config::Config() { websocket.headers = {{"User-Agent", "Jiro-Bot/1.0"}}; }

namespace {

// Fills a Config from the file's nodes with the environment's on top.
class Loader {
  public:
    Loader(const std::string& name, const Environment& environment, Problems& problems)
        : name_(name), environment_(environment), problems_(problems) {}

    Config load(const Node& root) {
        Config config;
        const auto overrides = read_environment(environment_, problems_, config.warnings);
        auto assigned = match_keys(root, paths_of(schema()), "", problems_);
        for (const Override& entry : overrides) assigned[entry.key] = {&entry.value, entry.value.place};
        Context context{problems_, config.warnings, environment_, places_, {}};
        for (const auto& [index, value] : assigned) {
            const Key<Config>& key = schema()[index];
            context.path = key.path;
            places_.emplace(key.path, value.place);
            config.provenance.emplace(key.path, to_string(value.place));
            key.read(*value.node, config, context);
        }
        config.commands.instance_id = config.instance_id;
        const auto place_of = [this](std::string_view path) { return place(path); };
        check_together(config, place_of, problems_, config.warnings);
        // What is said of a key that could not be read would be said of its default.
        auto found = commands::check(config.commands);
        std::erase_if(found, [this](const auto& problem) { return problems_.concern(problem.key_path); });
        for (const auto& [path, what] : found) {
            const Place key = place(path);
            problems_.add({key.file, key.line}, path, what);  // the line is known, not where in the value it is wrong
        }
        return config;
    }

  private:
    // The key's, or that of the nearest one around it.
    [[nodiscard]] Place place(std::string_view path) const {
        for (;; path = path.substr(0, path.rfind('.'))) {
            const auto found = places_.find(path);
            if (found != places_.end()) return found->second;
            if (path.find('.') == std::string_view::npos) return Place{name_};
        }
    }

    const std::string& name_;
    const Environment& environment_;
    Problems& problems_;
    std::map<std::string, Place, std::less<>> places_;
};

}  // namespace

LoadResult load_text(std::string_view text, const std::string& name, const Environment& environment) {
    Problems problems;
    const Node root = read_yaml(text, name, problems);
    Config config = Loader(name, environment, problems).load(root);
    config.source = name;
    if (!problems.empty()) return {std::nullopt, std::move(problems).sorted(name)};
    return {std::move(config), {}};
}

LoadResult load_file(const std::filesystem::path& path, const Environment& environment) {
    auto content = read_small_file(path, kMaxFileBytes);
    if (!content) return {std::nullopt, {{path.string(), 0, 0, "", content.error().message}}};
    LoadResult result = load_text(content->text, path.string(), environment);
    if (!result || !content->is_world_readable) return result;
    for (const Key<Config>& key : schema()) {
        const auto given = result.config->provenance.find(key.path);
        const bool is_here = given != result.config->provenance.end() && given->second.starts_with(path.string());
        // A secret is what `--print` masks.
        if (!is_here || key.show(*result.config, Reveal::masked) == key.show(*result.config, Reveal::plain)) continue;
        result.config->warnings.push_back(
            {std::string(key.path),
             given->second + ": " + std::string(key.path) +
                 ": is in a file that every user of this machine can read; chmod o-r, or use a file "
                 "of its own"});
    }
    return result;
}

}  // namespace jiro::config
