// SPDX-License-Identifier: MIT
// The commands of this machine: built-ins, and the exec commands of the configuration.

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "commands/exec/exec_command.hpp"
#include "commands/log.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

Problem problem_of(const ExecCommand& command, const std::string& what) {
    const std::string path = "Commands.Exec." + command.name;
    // "Key: what", as make_exec_command says it, or only "what".
    const auto colon = what.find(": ");
    if (colon == std::string::npos) return {path, what};
    return {path + '.' + what.substr(0, colon), what.substr(colon + 2)};
}

// Adds the exec commands that can work, and what is wrong with the others.
void add_exec_commands(const Settings& settings, KeptPrograms* kept, CommandRegistry::Handlers& handlers,
                       std::vector<Problem>& problems) {
    const auto path = socket_for_programs(settings);
    const auto socket = path ? std::make_shared<UnitSocket>(*path) : nullptr;
    for (const auto& command : settings.exec) {
        const auto same =
            std::ranges::find(handlers, command.name, [](const auto& handler) { return handler->description().name; });
        const bool is_other = std::ranges::find(settings.other_names, command.name) != settings.other_names.end();
        if (same != handlers.end() && (*same)->description().may_be_replaced && !is_other) {
            handlers.erase(same);
        } else if (same != handlers.end() || is_other) {
            const std::string by = same != handlers.end() ? (*same)->description().source : "of the assistant";
            problems.push_back({"Commands.Exec." + command.name, "the name is taken (" + by + ')'});
            continue;
        }
        std::vector<std::string> own;
        if (auto handler = make_exec_command(command, socket, kept, own)) handlers.push_back(std::move(handler));
        for (const auto& what : own) problems.push_back(problem_of(command, what));
    }
}

// With a prefix a command is found by its name in any case.
void check_case(const Settings& settings, const CommandRegistry::Handlers& handlers, std::vector<Problem>& problems) {
    if (settings.prefix.empty()) return;
    std::map<std::string, std::string_view> names;
    for (const auto& handler : handlers) {
        const auto& description = handler->description();
        const auto [earlier, is_new] = names.try_emplace(lower_case(description.name), description.name);
        if (is_new) continue;
        problems.push_back({"Commands.Exec." + description.name,
                            "with Commands.Prefix \"" + std::string(earlier->second) + "\" is the same name"});
    }
}

void check_name(const std::string& key_path, const std::string& name, const std::vector<std::string_view>& names,
                std::vector<Problem>& problems) {
    if (std::ranges::find(names, name) != names.end()) return;
    problems.push_back(
        {key_path, "there is no command \"" + name + '"' + did_you_mean(name, names, "; did you mean \"", "\"?")});
}

void check_names(const Settings& settings, const CommandRegistry::Handlers& handlers, std::vector<Problem>& problems) {
    std::vector<std::string_view> names;
    for (const auto& handler : handlers) names.push_back(handler->description().name);
    for (const auto& command : settings.exec) names.push_back(command.name);  // a broken one has its own problem
    for (const auto& tool : settings.tools) check_name("Chat.Tools", tool, names, problems);
    names.insert(names.end(), settings.other_names.begin(), settings.other_names.end());
    if (settings.default_command) check_name("Commands.Default", *settings.default_command, names, problems);
}

CommandRegistry::Handlers make_handlers(const Settings& settings, BuiltinServices services,
                                        std::vector<Problem>& problems) {
    services.prefix = settings.prefix;
    auto handlers = make_builtin_commands(services);
    if (services.others) std::ranges::move(services.others(), std::back_inserter(handlers));
    add_exec_commands(settings, services.kept, handlers, problems);
    check_case(settings, handlers, problems);
    check_names(settings, handlers, problems);
    return handlers;
}

}  // namespace

std::optional<std::string> socket_for_programs(const Settings& settings) {
    struct stat status {};
    if (settings.run_as == RunAs::daemon || lstat(settings.unit_socket.c_str(), &status) != 0) return std::nullopt;
    return settings.unit_socket;
}

std::vector<Problem> check(const Settings& settings) {
    std::vector<Problem> problems;
    (void)make_handlers(settings, {}, problems);
    return problems;
}

Result<std::shared_ptr<const CommandRegistry>> make_registry(const Settings& settings,
                                                             const BuiltinServices& services) {
    std::vector<Problem> problems;
    auto handlers = make_handlers(settings, services, problems);
    if (!problems.empty()) {
        std::string text;
        for (const auto& problem : problems) {
            text += (text.empty() ? "" : "\n") + problem.key_path + ": " + problem.what;
        }
        return Error(errc::bad_definition, std::move(text));
    }
    const bool are_in_units = socket_for_programs(settings).has_value();
    for (const auto& command : settings.exec) {
        if (command.survives && !are_in_units) {
            commands_log.warn("Survives does nothing: programs are children of the daemon, and end with it",
                              {{"command", command.name}, {"defined", command.source}});
        }
        if (!command.shell) continue;
        commands_log.warn("A command runs a shell script", {{"command", command.name}, {"defined", command.source}});
    }
    return CommandRegistry::make(std::move(handlers));
}

}  // namespace jiro::commands
