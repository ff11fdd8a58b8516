// The commands of this machine: built-ins, and the exec commands of the configuration.

#include <algorithm>

#include "commands/exec/exec_command.hpp"
#include "commands/log.hpp"
#include "commands/text.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

std::string at(const ExecCommand& command) {
    return (command.source.empty() ? "" : command.source + ": ") + "Commands.Exec." + command.name;
}

// Adds the exec commands that can work, and what is wrong with the others.
void add_exec_commands(const std::vector<ExecCommand>& commands, CommandRegistry::Handlers& handlers,
                       std::vector<std::string>& problems) {
    for (const auto& command : commands) {
        const auto same =
            std::ranges::find(handlers, command.name, [](const auto& handler) { return handler->description().name; });
        if (same != handlers.end()) {
            problems.push_back(at(command) + ": the name is taken (" + (*same)->description().source + ')');
            continue;
        }
        std::vector<std::string> own;
        if (auto handler = make_exec_command(command, own)) handlers.push_back(std::move(handler));
        for (const auto& problem : own) problems.push_back(at(command) + '.' + problem);
    }
}

}  // namespace

std::vector<std::string> check_exec_commands(const std::vector<ExecCommand>& commands) {
    auto handlers = make_builtin_commands({});
    std::vector<std::string> problems;
    add_exec_commands(commands, handlers, problems);
    return problems;
}

Result<std::shared_ptr<const CommandRegistry>> make_registry(const Settings& settings,
                                                             const BuiltinServices& services) {
    auto handlers = make_builtin_commands(services);
    std::vector<std::string> problems;
    add_exec_commands(settings.exec, handlers, problems);
    if (settings.default_command) {
        std::vector<std::string> names;
        for (const auto& handler : handlers) names.push_back(handler->description().name);
        if (std::ranges::find(names, *settings.default_command) == names.end()) {
            const auto nearest = nearest_of(*settings.default_command, names);
            problems.push_back("Commands.Default: there is no command \"" + *settings.default_command + '"' +
                               (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
        }
    }
    if (!problems.empty()) {
        std::string text;
        for (const auto& problem : problems) text += (text.empty() ? "" : "\n") + problem;
        return Error(errc::bad_definition, std::move(text));
    }
    for (const auto& command : settings.exec) {
        if (!command.shell) continue;
        commands_log.warn("A command runs a shell script", {{"command", command.name}, {"defined", command.source}});
    }
    return CommandRegistry::make(std::move(handlers));
}

}  // namespace jiro::commands
