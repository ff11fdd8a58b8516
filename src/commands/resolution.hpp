// SPDX-License-Identifier: MIT
#pragma once
// Which handler a command text means, and with which arguments. Nothing of the text is copied: it may be long. Pure.

#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/commands/command_context.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

struct Resolution {
    const CommandHandler* handler = nullptr;  // owned by the registry
    std::string_view arguments;               // a part of the text
    ArgumentsAre arguments_are = ArgumentsAre::words;
};

// An unknown name goes, with the whole text as its one argument, to Settings::default_command. With Settings::prefix
// only a text that begins with it names a command, in upper or lower case; any other goes to the default command as it
// is. Errors: empty_command, unknown_command (its message names the nearest known one), unclosed_quote,
// dangling_escape.
[[nodiscard]] Result<Resolution> resolve(std::string_view text, const Settings& settings,
                                         const CommandRegistry& registry);

}  // namespace jiro::commands
