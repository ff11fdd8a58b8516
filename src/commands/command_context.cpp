// SPDX-License-Identifier: MIT
#include "jiro/commands/command_context.hpp"

#include <algorithm>

#include "commands/argument_values.hpp"
#include "commands/command_line.hpp"
#include "jiro/commands/command_handler.hpp"

namespace jiro::commands {

std::vector<std::string> CommandContext::arguments() const {
    if (parts_.argument_text.empty()) return {};
    if (parts_.arguments_are == ArgumentsAre::one_text) return {std::string(parts_.argument_text)};
    return split_words(parts_.argument_text).value();  // resolve() has looked at them
}

std::optional<Error> CommandContext::bind(const CommandDescription& description) {
    const auto& parameters = description.parameters;
    if (parameters.empty()) return std::nullopt;
    const auto not_usable = [&](Error why) {
        why.message += "; usage: " + description.usage;
        return why;
    };
    std::vector<std::string_view> declared;
    for (const auto& parameter : parameters) declared.push_back(parameter.name);
    Parameters given = this->parameters();
    std::erase_if(given, [](const auto& parameter) { return parameter.second.empty(); });
    auto values = values_of(description.name, declared, arguments(), given, nullptr);
    // A form sends its fields along with each command: where both are too many, the words count.
    if (!values) values = values_of(description.name, declared, arguments(), {}, nullptr);
    if (!values) return not_usable(values.error());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        auto& value = (*values)[i];
        const bool is_given = value && !value->empty();
        if (is_given) bound_.emplace_back(parameters[i].name, std::move(*value));
        if (!is_given && parameters[i].required)
            return not_usable(missing_argument(description.name, parameters[i].name));
    }
    return std::nullopt;
}

const std::string* CommandContext::argument(std::string_view name) const noexcept {
    const auto found = std::ranges::find(bound_, name, [](const auto& bound) { return std::string_view(bound.first); });
    return found == bound_.end() ? nullptr : &found->second;
}

}  // namespace jiro::commands
