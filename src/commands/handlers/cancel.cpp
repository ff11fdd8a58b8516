// SPDX-License-Identifier: MIT
// `cancel ID`: ends a command that waits or runs. Also one for whose answer nobody waits, which the hub's own
// cancellation cannot reach.

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/running_commands.hpp"

namespace jiro::commands {

namespace {

Task<CommandResult> cancel(RunningCommands* runs, const CommandContext& context) {
    if (runs == nullptr)
        co_return CommandResult::failed("there is something to cancel only inside the running service");
    const auto& id = *context.argument("ID");
    if (id == context.message().command_sync_id) co_return CommandResult::rejected("this is the id of this command");
    const auto answer = runs->cancel(id, CancelReason::by_hub);
    if (answer == CancelAnswer::has_ended) co_return CommandResult::failed("it has ended already: " + excerpt(id));
    if (answer == CancelAnswer::unknown)
        co_return CommandResult::failed("no command of this id waits or runs: " + excerpt(id));
    co_await runs->until_cancel_is_kept(id);
    co_return CommandResult::text("cancelled: " + excerpt(id) + "; its result says how it ended");
}

}  // namespace

std::unique_ptr<const CommandHandler> make_cancel(const BuiltinServices& services) {
    return make_handler(
        {.name = "cancel",
         .summary = "Ends a command that waits or runs",
         .usage = "cancel ID",
         .parameters = {{.name = "ID", .description = "its commandSyncId, as `running` shows it", .required = true}},
         .may_be_replaced = true,
         .idempotent = true,
         .control = true},
        [runs = services.runs](CommandContext& context) { return cancel(runs, context); });
}

}  // namespace jiro::commands
