// SPDX-License-Identifier: MIT
// `help`: the commands of this client; `help NAME`: one of them.

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/render.hpp"

namespace jiro::commands {

namespace {

CommandResult help(const CommandContext& context) {
    const CommandRegistry& registry = context.registry();
    const auto words = context.arguments();
    if (words.empty()) return CommandResult::text(render_listing(registry, ListingDetail::brief));
    std::string_view name = words.front();
    if (name.starts_with('$')) name.remove_prefix(1);
    if (const auto* handler = registry.find(name))
        return CommandResult::text(render_description(handler->description()));
    return CommandResult::failed("there is no command \"" + excerpt(name, 64) + '"' + registry.did_you_mean(name));
}

}  // namespace

std::unique_ptr<const CommandHandler> make_help(const BuiltinServices&) {
    return make_answering({.name = "help",
                           .summary = "Lists all commands, or explains one",
                           .usage = "help [NAME]",
                           .parameters = {{.name = "NAME", .description = "the command to explain"}},
                           .control = true},
                          help);
}

}  // namespace jiro::commands
