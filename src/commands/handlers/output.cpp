// SPDX-License-Identifier: MIT
// `output ID [FROM]`: what a command's program has printed so far, from byte FROM on. The last line says where this
// part ends, how to go on, and whether the command has ended: to ask again and again is to follow it.

#include <algorithm>

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/running_commands.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kPartBytes = 64 * 1024;

std::string last_line(const OutputPart& part, const std::string& id) {
    const auto age = for_people(std::chrono::duration_cast<std::chrono::seconds>(part.age));
    std::string text = "[bytes " + std::to_string(part.from) + " to " + std::to_string(part.next) + " of " +
                       std::to_string(part.total) + "; " + part.name;
    text +=
        part.outcome ? " has ended, " + age + " ago: " + std::string(to_string(*part.outcome)) : " has run for " + age;
    const bool is_all = part.outcome && part.next == part.total;
    if (!is_all) text += "; go on with: output " + quoted_word(id) + ' ' + std::to_string(part.next);
    return text + ']';
}

std::string describe(const OutputPart& part, std::uint64_t asked_from, const std::string& id) {
    std::string text;
    if (part.from > asked_from) {
        text = "[bytes " + std::to_string(asked_from) + " to " + std::to_string(part.from) + " were not kept]\n";
    }
    text += part.text;
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    // Many programs tell of their progress there and print nothing else.
    if (part.total == 0 && part.error_total > 0) {
        text += "[the end of " + std::to_string(part.error_total) + " bytes on standard error]\n" + part.error_text;
        if (!text.ends_with('\n')) text += '\n';
    }
    return text + last_line(part, id);
}

CommandResult show_output(const RunningCommands* runs, const CommandContext& context) {
    if (runs == nullptr) return CommandResult::failed("what runs is known only inside the running service");
    const auto& id = *context.argument("ID");
    const auto* const given = context.argument("FROM");
    const auto from = given != nullptr ? parse_number<std::uint64_t>(*given) : std::optional<std::uint64_t>(0);
    if (!from) return CommandResult::rejected("output: FROM is a number of bytes; usage: output ID [FROM]");
    const auto part = runs->output(id, *from, std::min(kPartBytes, context.max_result_bytes() / 4));
    if (!part) return CommandResult::failed(part.error().message);
    return CommandResult::text(describe(*part, *from, excerpt(id, 256)));
}

}  // namespace

std::unique_ptr<const CommandHandler> make_output(const BuiltinServices& services) {
    return make_answering(
        {.name = "output",
         .summary = "Shows what a running command has printed so far",
         .usage = "output ID [FROM]",
         .parameters = {{.name = "ID", .description = "its commandSyncId, as `running` shows it", .required = true},
                        {.name = "FROM", .description = "the byte to begin with"}},
         .may_be_replaced = true,
         .control = true},
        [runs = services.runs](const CommandContext& context) { return show_output(runs, context); });
}

}  // namespace jiro::commands
