// SPDX-License-Identifier: MIT
#include "commands/handlers/own_program.hpp"

#include <algorithm>

#include "commands/exec/exec_run.hpp"
#include "jiro/base/at_end.hpp"

namespace jiro::commands {

namespace {

constexpr std::chrono::milliseconds kOwnTimeLimit = std::chrono::minutes(2);
constexpr std::size_t kOwnOutputBytes = 256 * 1024;

CommandDescription completed(CommandDescription description) {
    description.idempotent = true;
    description.may_be_replaced = true;
    description.control = true;
    description.time_limit = kOwnTimeLimit;
    description.own_clean_up = clean_up_limit(ExecCommand().kill_grace);
    return description;
}

Task<CommandResult> run_alone(const OwnProgram& own, const OwnCall& call, CommandContext& context) {
    ExecCommand command;
    command.name = context.name();
    command.result = ExecResultKind::text;
    command.success_exit_codes = call.successes;
    command.max_output_bytes = std::min(kOwnOutputBytes, context.max_result_bytes() / 2);
    ExecRequest request;
    request.spec.argv = {"/proc/self/exe"};  // also after an upgrade: what runs
    request.spec.argv.insert(request.spec.argv.end(), call.arguments.begin(), call.arguments.end());
    request.spec.argv.insert(request.spec.argv.end(), {"--config", own.config_file});
    request.spec.environment = own.environment;
    if (call.input) {
        auto reading = call.input();
        request.input = co_await std::move(reading);
    }
    request.deadline = context.deadline();
    request.limit = kOwnTimeLimit;
    auto running = run_program(command, std::move(request), context);
    co_return co_await std::move(running);
}

Task<CommandResult> run(OwnProgram* own, const OwnCall& call, CommandContext& context) {
    const auto& name = context.name();
    if (own == nullptr) {
        co_return CommandResult::failed("only the running service does this; at a terminal: jiro-client " + name);
    }
    if (!context.arguments().empty()) co_return CommandResult::rejected("usage: " + name + ", without arguments");
    if (!own->running.insert(name).second) co_return CommandResult::rejected("busy: " + name + " is under way already");
    const AtEnd at_end([&] { own->running.erase(name); });
    co_return co_await run_alone(*own, call, context);
}

}  // namespace

std::unique_ptr<const CommandHandler> make_own_program(CommandDescription description, OwnProgram* own, OwnCall call) {
    return make_handler(completed(std::move(description)),
                        [own, call = std::move(call)](CommandContext& context) { return run(own, call, context); });
}

}  // namespace jiro::commands
