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
    std::string text = "unknown command \"" + excerpt(name, 64) + '"';
    const auto nearest = registry.nearest(name);
    if (!nearest.empty()) text.append("; did you mean \"").append(nearest).append("\"?");
    if (registry.find("help") != nullptr)
        text += nearest.empty() ? "; \"help\" lists all commands" : " \"help\" lists all commands";
    return Error(errc::unknown_command, std::move(text));
}

}  // namespace

Result<Resolution> resolve(std::string_view text, const Settings& settings, const CommandRegistry& registry) {
    const CommandLine line = split_name(text);
    if (line.name.empty()) return Error(errc::empty_command, "the command text is empty");
    if (const auto* handler = registry.find(line.name)) {
        if (handler->description().takes_text) return Resolution{handler, {}, std::string(line.arguments)};
        auto words = split_words(line.arguments);
        if (!words) return words.error().with_prefix(line.name);
        return Resolution{handler, std::move(*words), std::string(line.arguments)};
    }
    const auto* fallback = settings.default_command ? registry.find(*settings.default_command) : nullptr;
    if (fallback == nullptr) return unknown(line.name, registry);
    const std::string whole(trimmed(text));
    return Resolution{fallback, {whole}, whole};
}

}  // namespace jiro::commands
