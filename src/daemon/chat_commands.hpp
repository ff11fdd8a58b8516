// SPDX-License-Identifier: MIT
#pragma once
// The assistant as commands of this machine: chat, reset, session (sessionInfo) and sessions.

#include "jiro/assistant/assistant.hpp"
#include "jiro/commands/command_registry.hpp"

namespace jiro::daemon {

// They refer to the assistant, which must outlive them.
[[nodiscard]] commands::CommandRegistry::Handlers make_chat_commands(assistant::Assistant& assistant);

// The same commands where there is no daemon: each says where it works.
[[nodiscard]] commands::CommandRegistry::Handlers make_absent_chat_commands(const assistant::Settings& settings);

}  // namespace jiro::daemon
