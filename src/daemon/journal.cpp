// SPDX-License-Identifier: MIT
#include "daemon/journal.hpp"

#include "jiro/commands/command_message.hpp"

namespace jiro::daemon {

Result<commands::ParsedPayload> command_of(const Receipt& receipt) {
    auto parsed = commands::parse_payload(receipt.payload);
    if (!parsed) return parsed.error().with_prefix("the journal's copy of the command");
    parsed->message.command_sync_id = receipt.id;
    return parsed;
}

delivery::Bytes make_interrupted_outcome(const Receipt& receipt) {
    FinishedCommand command;
    if (auto kept = command_of(receipt)) command.message = std::move(kept->message);
    command.message.command_sync_id = receipt.id;
    command.command_name = commands::command_name(command.message);
    command.result = CommandResult::interrupted(
        "interrupted: the daemon stopped unexpectedly while the command ran; its effect is unknown");
    return delivery::serialise(std::move(command));
}

}  // namespace jiro::daemon
