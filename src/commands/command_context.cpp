// SPDX-License-Identifier: MIT
#include "jiro/commands/command_context.hpp"

#include "commands/command_line.hpp"
#include "jiro/base/text.hpp"

namespace jiro::commands {

std::vector<std::string> CommandContext::arguments() const {
    if (parts_.arguments_are == ArgumentsAre::one_text) return {std::string(parts_.argument_text)};
    return split_words(parts_.argument_text).value();  // resolve() has looked at them
}

const std::string* CommandContext::parameter(std::string_view name) const noexcept {
    return find_ignoring_case(parts_.message.parameters, name);
}

}  // namespace jiro::commands
