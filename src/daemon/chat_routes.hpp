// SPDX-License-Identifier: MIT
#pragma once
// What an operator does with the assistant, as routes for root and the daemon's user: a conversation from a terminal
// (POST /chat, GET /chat/more, POST /chat/cancel), and the sessions (GET /sessions, GET /sessions/show, POST
// /sessions/rename, /sessions/remove, /sessions/reset). `jiro-client sessions` calls the same functions in place when
// no daemon runs. Event loop only.

#include <functional>

#include "jiro/assistant/assistant.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// The assistant now; null: none is configured. It outlives what is asked of it.
using AssistantSource = std::function<assistant::Assistant*()>;

[[nodiscard]] monitor::Routes chat_routes(AssistantSource source);
[[nodiscard]] monitor::Routes session_routes(std::function<assistant::Sessions*()> source);

}  // namespace jiro::daemon
