// SPDX-License-Identifier: MIT
#include "commands/resolution.hpp"

#include "commands/command_line.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

Error unknown(std::string_view name, const CommandRegistry& registry) {
    if (equal_ignoring_case(name, "chat")) {
        return Error(
            errc::unknown_command,
            "chat is not configured on this machine: the operator names a model by Chat.Model, Chat.Endpoint and "
            "Chat.ApiKeyFile in its configuration (docs/chat.md)");
    }
    const auto hint = registry.did_you_mean(name);
    std::string text = "unknown command \"" + excerpt(name, 64) + '"' + hint;
    if (registry.find("help") != nullptr)
        text += hint.empty() ? "; \"help\" lists all commands" : " \"help\" lists all commands";
    return Error(errc::unknown_command, std::move(text));
}

// The handler that a text names; null: none. An empty line: with a prefix, the text is no command.
const CommandHandler* find_handler(const CommandLine& line, const Settings& settings, const CommandRegistry& registry) {
    if (line.name.empty()) return nullptr;
    return settings.prefix.empty() ? registry.find(line.name) : registry.find_in_any_case(line.name);
}

CommandLine command_line(std::string_view text, const Settings& settings) {
    if (settings.prefix.empty()) return split_name(text);
    text = trimmed(text);
    if (!text.starts_with(settings.prefix)) return {};
    return name_and_arguments(text.substr(settings.prefix.size()));
}

}  // namespace

Result<Resolution> resolve(std::string_view text, const Settings& settings, const CommandRegistry& registry) {
    if (trimmed(text).empty() || (settings.prefix.empty() && split_name(text).name.empty())) {
        return Error(errc::empty_command, "the command text is empty");
    }
    const CommandLine line = command_line(text, settings);
    if (const auto* handler = find_handler(line, settings, registry)) {
        if (handler->description().takes_text) return Resolution{handler, line.arguments, ArgumentsAre::one_text};
        if (const auto error = check_words(line.arguments)) return error->with_prefix(line.name);
        return Resolution{handler, line.arguments, ArgumentsAre::words};
    }
    const auto* fallback = settings.default_command ? registry.find(*settings.default_command) : nullptr;
    if (fallback == nullptr && line.name.empty()) {
        return Error(errc::unknown_command, "commands begin with \"" + settings.prefix +
                                                "\" (Commands.Prefix), and no command takes other texts "
                                                "(Commands.Default)");
    }
    if (fallback == nullptr) return unknown(line.name, registry);
    return Resolution{fallback, settings.prefix.empty() ? trimmed(text) : text, ArgumentsAre::one_text};
}

}  // namespace jiro::commands
