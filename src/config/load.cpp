// SPDX-License-Identifier: MIT
#include "jiro/config/load.hpp"

#include <algorithm>
#include <iterator>
#include <list>
#include <set>

#include "config/appsettings.hpp"
#include "config/checks.hpp"
#include "config/environment.hpp"
#include "config/pieces.hpp"
#include "config/schema.hpp"
#include "config/trusted_keys.hpp"
#include "config/yaml_reader.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/log.hpp"
#include "jiro/base/text.hpp"
#include "jiro/config/locations.hpp"

namespace jiro::config {

Config::Config() { websocket.headers = {{"User-Agent", "Jiro-Bot/1.0"}}; }

std::vector<Secret> all_secrets(const Config& config) {
    std::vector<Secret> all;
    for (const auto& [path, secrets] : config.secrets) all.insert(all.end(), secrets.begin(), secrets.end());
    return all;
}

namespace {

constexpr std::string_view kExec = "Commands.Exec";

// The sources that make up one configuration.
struct Sources {
    Piece file;
    std::vector<Piece> keys;      // of config.d: sections and keys, as in the file
    std::vector<Piece> commands;  // of commands.d: names and definitions, as in Commands.Exec
    Overlay overlay;
    std::vector<Warning> warnings{};  // of reading them
};

// The members of all sources in one map.
Node read_all(std::span<const Piece> pieces, Problems& problems) {
    Node all;
    all.kind = Node::Kind::map;
    for (const Piece& piece : pieces) {
        Node node = read_yaml(piece.text, piece.path, problems);
        if (all.members.empty()) all.place = node.place;
        std::ranges::move(node.members, std::back_inserter(all.members));
    }
    return all;
}

// Somebody may have copied a whole section there.
void refuse_sections(Node& commands, Problems& problems) {
    std::erase_if(commands.members, [&](const Member& member) {
        const auto is_exec = [](const Member& inner) { return equal_ignoring_case(inner.key, "Exec"); };
        const bool is_section =
            equal_ignoring_case(member.key, "Commands") && std::ranges::any_of(member.value.members, is_exec);
        if (is_section) {
            problems.add(member.place, kExec,
                         "a file of commands.d holds names and definitions, without Commands and Exec around them");
        }
        return is_section;
    });
}

// Fills a Config from the files' nodes with the environment's on top.
class Loader {
  public:
    Loader(const std::string& name, const Environment& environment, Problems& problems)
        : name_(name), environment_(environment), problems_(problems) {}

    // `more`: keys of config.d; `commands`: more definitions for Commands.Exec; `overlay`: keys that the hub has set.
    Config load(const Node& root, const Node& more, const Node& commands, const Node& overlay) {
        Config config;
        config.source = name_;
        const auto overrides = read_environment(environment_, config, problems_);
        const Keys in_file = match_own_and_foreign(root, config);
        auto assigned = own_of(in_file);
        add_keys(match_keys(more, paths_of(schema()), "", problems_), assigned);
        add_foreign(in_file, assigned, config);
        Node exec;
        add_commands(commands, assigned, exec);
        for (const auto& [index, value] : match_overlay(overlay, problems_)) assigned[index] = value;
        for (const Override& entry : overrides) assigned[entry.key] = overridden(assigned, entry);
        warn_of_foreign(config);
        if (config.is_appsettings) use_their_defaults(config);
        Context context{problems_, config.warnings, environment_, places_, config.secrets, {}};
        for (const auto& [index, value] : assigned) {
            const Key<Config>& key = schema()[index];
            context.path = key.path;
            places_.emplace(key.path, value.place);
            config.provenance.emplace(key.path, to_string(value.place));
            key.read(*value.node, config, context);
        }
        if (config.is_appsettings && config.chat.is_configured() && !config.commands.default_command) {
            config.commands.default_command = "chat";  // as there: a text without the prefix is for the assistant
        }
        config.websocket.may_be_overheard = config.commands.exec.empty() || config.allow_insecure;
        config.commands.instance_id = config.instance_id;
        config.commands.dedupe_window = config.delivery.outbox.dedupe_window;
        read_trusted_keys(config.commands.trust, place("Commands.Trust.Keys"), problems_, config.warnings);
        config.commands.tools = config.chat.tools;
        config.chat.log_texts = config.commands.command_text;
        if (config.chat.is_configured()) {
            config.commands.other_names.assign(assistant::kCommandNames.begin(), assistant::kCommandNames.end());
        }
        const auto place_of = [this](std::string_view path) { return place(path); };
        check_together(config, place_of, problems_, config.warnings);
        for (auto& [path, what] : shared_files(config, environment_))
            problems_.add(place(path), path, what + "; name another");
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
    using Keys = std::map<std::size_t, Assigned>;

    // By position in schema(); behind it those of the C# client, in the order of foreign_keys().
    Keys match_own_and_foreign(const Node& root, Config& config) {
        auto paths = paths_of(schema());
        config.is_appsettings |= is_appsettings(root);
        if (is_appsettings(root)) {
            for (const ForeignKey& key : foreign_keys()) paths.push_back(key.path);
        }
        return match_keys(root, paths, "", problems_);
    }

    static Keys own_of(const Keys& found) {
        Keys own;
        for (const auto& [index, value] : found) {
            if (index < schema().size()) own.emplace(index, value);
        }
        return own;
    }

    // Ours win where both are given.
    void add_foreign(const Keys& found, Keys& assigned, Config& config) {
        for (const auto& [index, value] : found) {
            if (index < schema().size()) continue;
            const ForeignKey& key = foreign_keys()[index - schema().size()];
            ForeignUse use{std::string(key.path), std::string(key.ours), to_string(value.place), std::string(key.note)};
            if (!key.ours.empty()) {
                const auto own = std::ranges::find(schema(), key.ours, &Key<Config>::path);
                made_.push_back(adapted(key, *value.node, name_));
                const auto [given, is_new] = assigned.try_emplace(static_cast<std::size_t>(own - schema().begin()),
                                                                  Assigned{&made_.back(), value.place});
                if (!is_new) use.note = "not used: " + std::string(key.ours) + " is given";
            }
            config.foreign.push_back(std::move(use));
        }
    }

    static void warn_of_foreign(Config& config) {
        for (const ForeignUse& use : config.foreign) {
            if (!use.ours.empty()) continue;
            config.warnings.push_back({"", use.place + ": " + use.theirs + ": means nothing here: " + use.note});
        }
    }

    // Where the C# client's defaults are others than ours; the keys of the configuration come after this.
    static void use_their_defaults(Config& config) {
        config.commands.prefix = "$";
        config.hub.requests = RequestKinds::all();
    }

    // What a variable says instead of the file, or beside it: one member of a map.
    Assigned overridden(const Keys& assigned, const Override& entry) {
        if (entry.member.empty()) return {&entry.value, entry.value.place};
        const auto before = assigned.find(entry.key);
        Node map;
        map.kind = Node::Kind::map;
        map.place = entry.value.place;
        if (before != assigned.end() && before->second.node->kind == Node::Kind::map) map = *before->second.node;
        std::erase_if(map.members, [&](const Member& member) { return equal_ignoring_case(member.key, entry.member); });
        map.members.push_back({entry.member, entry.value.place, entry.value});
        made_.push_back(std::move(map));
        return {&made_.back(), entry.value.place};
    }

    // The file that is installed has all keys with their defaults: what says nothing new there is not given twice.
    void add_keys(const Keys& more, Keys& assigned) {
        for (const auto& [index, value] : more) {
            const auto [given, is_new] = assigned.try_emplace(index, value);
            if (is_new) continue;
            if (is_default(schema()[index], *given->second.node)) {
                given->second = value;
            } else {
                problems_.add(value.place, schema()[index].path,
                              "is given twice, first in " + to_string(given->second.place));
            }
        }
    }

    [[nodiscard]] bool is_default(const Key<Config>& key, const Node& node) const {
        Problems problems;
        std::vector<Warning> warnings;
        std::map<std::string, Place, std::less<>> places;
        const Config defaults;
        Config read;
        key.read(node, read, {problems, warnings, environment_, places, read.secrets, std::string(key.path)});
        return problems.empty() && key.show(read, Reveal::plain) == key.show(defaults, Reveal::plain);
    }

    // Puts into `exec`, for Commands.Exec, its own definitions and those of commands.d. A name that is there twice is
    // found later, with the names that the built-in commands have taken.
    static void add_commands(const Node& commands, Keys& assigned, Node& exec) {
        if (commands.members.empty()) return;
        const auto key = std::ranges::find(schema(), kExec, &Key<Config>::path);
        const auto index = static_cast<std::size_t>(key - schema().begin());
        Assigned& value =
            assigned.try_emplace(index, Assigned{&commands, commands.members.front().place}).first->second;
        if (value.node->kind != Node::Kind::map && value.node->kind != Node::Kind::null) return;  // has its own problem
        if (value.node != &commands) {
            exec = *value.node;
            exec.kind = Node::Kind::map;
            std::ranges::copy(commands.members, std::back_inserter(exec.members));
            value.node = &exec;
        }
    }

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
    std::list<Node> made_;  // values that stand in no file as they are
};

LoadResult load_sources(const Sources& sources, const Environment& environment, Problems problems) {
    const std::string& name = sources.file.path;
    const Node root = read_yaml(sources.file.text, name, problems);
    const Node more = read_all(sources.keys, problems);
    Node commands = read_all(sources.commands, problems);
    refuse_sections(commands, problems);
    const Node overlay =
        sources.overlay.name.empty() ? Node() : read_yaml(sources.overlay.text, sources.overlay.name, problems);
    Config config = Loader(name, environment, problems).load(root, more, commands, overlay);
    for (const auto* pieces : {&sources.keys, &sources.commands}) {
        for (const Piece& piece : *pieces) {
            config.pieces.push_back(piece.path);
            if (piece.text.empty()) config.empty.insert(piece.path);
        }
    }
    if (sources.file.text.empty()) config.empty.insert(name);
    log::register_all(log::Holder::read_configuration, all_secrets(config));  // whoever tells of its problems, too
    if (!problems.empty()) return {std::nullopt, std::move(problems).sorted(name)};
    return {std::move(config), {}};
}

// "config.yaml:3" -> "config.yaml"
std::string file_of(const std::string& place) { return place.substr(0, place.rfind(':')); }

void warn_of_open_secret(Config& config, std::string_view path, const std::string& place) {
    config.warnings.push_back({std::string(path), place + ": " + std::string(path) +
                                                      ": is in a file that every user of this machine can read; chmod "
                                                      "o-r, or use a file of its own"});
}

// A secret is what `--print` masks.
void warn_of_open_files(Config& config, const Sources& sources) {
    std::set<std::string, std::less<>> open_files;
    const auto add = [&](const Piece& piece) {
        if (piece.is_world_readable) open_files.insert(piece.path);
    };
    add(sources.file);
    std::ranges::for_each(sources.keys, add);
    std::ranges::for_each(sources.commands, add);
    for (const Key<Config>& key : schema()) {
        const auto given = config.provenance.find(key.path);
        if (key.path == kExec || given == config.provenance.end() || !open_files.contains(file_of(given->second)))
            continue;
        if (key.show(config, Reveal::masked) == key.show(config, Reveal::plain)) continue;
        warn_of_open_secret(config, key.path, given->second);
    }
    for (const commands::ExecCommand& command : config.commands.exec) {
        if (command.environment.empty() || !open_files.contains(file_of(command.source))) continue;
        warn_of_open_secret(config, std::string(kExec) + '.' + command.name + ".Environment", command.source);
    }
}

}  // namespace

LoadResult load_text(std::string_view text, const std::string& name, const Environment& environment,
                     const Overlay& overlay) {
    return load_sources({{name, std::string(text)}, {}, {}, overlay}, environment, {});
}

LoadResult load_file(const std::filesystem::path& path, const Environment& environment, const Overlay& overlay) {
    Problems problems;
    Sources sources{{path.string(), {}}, {}, {}, overlay};
    if (auto content = read_small_file(path, kMaxFileBytes)) {
        sources.file.text = std::move(content->text);
        sources.file.is_world_readable = content->is_world_readable;
    } else {
        return {std::nullopt, {{path.string(), 0, 0, "", content.error().message}}};
    }
    sources.keys = read_pieces(path.parent_path() / kKeysFolder, ".yaml", problems, sources.warnings);
    sources.commands = read_pieces(path.parent_path() / kCommandsFolder, ".yaml", problems, sources.warnings);
    LoadResult result = load_sources(sources, environment, std::move(problems));
    if (!result) return result;
    std::ranges::move(sources.warnings, std::back_inserter(result.config->warnings));
    warn_of_open_files(*result.config, sources);
    return result;
}

}  // namespace jiro::config
