// SPDX-License-Identifier: MIT
#pragma once
// Results and command lists as people and scripts read them on a terminal: `jiro-client exec` and `commands`. Pure.
// Control characters from outside are escaped; nothing here can move the cursor.

#include <string>

#include "jiro/commands/command_registry.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::commands {

// The text as it is, or a small chart drawn with characters. Ends with a newline.
[[nodiscard]] std::string render(const CommandResult& result);

// One JSON object: outcome, isSuccess, type, response or graph members, sessionId, runTimeMs.
[[nodiscard]] std::string render_json(const FinishedCommand& command);

// A table of all commands with summaries; for this machine's users (full) with a description of each, and the program
// that it runs.
enum class ListingDetail { brief, full };
[[nodiscard]] std::string render_listing(const CommandRegistry& registry, ListingDetail detail = ListingDetail::full);
[[nodiscard]] std::string render_listing_json(const CommandRegistry& registry);

// One command's usage, parameters and limits: what `help NAME` answers, to the hub's users, too. So it names no
// program, script or path of this machine.
[[nodiscard]] std::string render_description(const CommandDescription& description);

}  // namespace jiro::commands
