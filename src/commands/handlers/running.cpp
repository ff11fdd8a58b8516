// SPDX-License-Identifier: MIT
// `running`: what runs here, the oldest first.

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/running_commands.hpp"

namespace jiro::commands {

namespace {

std::string describe(const RunInProgress& run) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(run.age);
    std::string text = excerpt(run.id, 256) + "  " + run.name + ", since " + for_people(age) +
                       (run.user.empty() ? "" : ", as " + run.user) + ", " + std::to_string(run.output_bytes) +
                       " bytes so far";
    if (run.is_detached) text += ", without its connection";
    return text + '\n';
}

CommandResult list_running(const RunningCommands* runs, const CommandContext& context) {
    if (runs == nullptr) return CommandResult::failed("what runs is known only inside the running service");
    std::string text;
    for (const auto& run : runs->running()) {
        text += describe(run);
        if (text.size() < context.max_result_bytes() / 2) continue;
        text += "... and more\n";
        break;
    }
    if (text.empty()) text = "nothing runs\n";
    if (const auto waiting = runs->waiting(); waiting > 0) text += std::to_string(waiting) + " wait for their turn\n";
    text.pop_back();
    return CommandResult::text(std::move(text));
}

}  // namespace

std::unique_ptr<const CommandHandler> make_running(const BuiltinServices& services) {
    return make_answering(
        {.name = "running",
         .summary = "Lists the commands that run: id, name, age, user, bytes printed so far",
         .usage = "running",
         .may_be_replaced = true,
         .control = true},
        [runs = services.runs](const CommandContext& context) { return list_running(runs, context); });
}

}  // namespace jiro::commands
