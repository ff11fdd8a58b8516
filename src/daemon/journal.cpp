// SPDX-License-Identifier: MIT
#include "daemon/journal.hpp"

#include "jiro/commands/command_message.hpp"

namespace jiro::daemon {

Result<CommandMessage> message_of(const Receipt& receipt) {
    auto parsed = commands::parse_command_message(receipt.payload);
    if (parsed.error) return parsed.error->with_prefix("the journal's copy of the command");
    return std::move(parsed.message);
}

delivery::Bytes make_interrupted_outcome(const Receipt& receipt) {
    FinishedCommand command;
    if (auto message = message_of(receipt)) command.message = std::move(*message);
    command.message.command_sync_id = receipt.id;
    command.command_name = commands::command_name(command.message);
    command.result = CommandResult::interrupted(
        "interrupted: the daemon stopped unexpectedly while the command ran; its effect is unknown");
    return delivery::serialise(std::move(command));
}

}  // namespace jiro::daemon
