// SPDX-License-Identifier: MIT
// `help`: the commands of this client; `help NAME`: one of them.

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/render.hpp"

namespace jiro::commands {

namespace {

// As people write a command: with `prefix`, or with a $.
std::string_view bare_name(std::string_view name, std::string_view prefix) {
    const std::string_view first = !prefix.empty() && name.starts_with(prefix) ? prefix : "$";
    if (name.size() > first.size() && name.starts_with(first)) name.remove_prefix(first.size());
    return name;
}

CommandResult help(const CommandContext& context, std::string_view prefix) {
    const CommandRegistry& registry = context.registry();
    const auto* const given = context.argument("NAME");
    if (given == nullptr) return CommandResult::text(render_listing(registry, ListingDetail::brief));
    const auto name = bare_name(*given, prefix);
    if (const auto* handler = prefix.empty() ? registry.find(name) : registry.find_in_any_case(name))
        return CommandResult::text(render_description(handler->description()));
    return CommandResult::failed("there is no command \"" + excerpt(name, 64) + '"' + registry.did_you_mean(name));
}

}  // namespace

std::unique_ptr<const CommandHandler> make_help(const BuiltinServices& services) {
    return make_answering({.name = "help",
                           .summary = "Lists all commands, or explains one",
                           .usage = "help [NAME]",
                           .parameters = {{.name = "NAME", .description = "the command to explain"}},
                           .control = true},
                          [prefix = services.prefix](const CommandContext& context) { return help(context, prefix); });
}

}  // namespace jiro::commands
