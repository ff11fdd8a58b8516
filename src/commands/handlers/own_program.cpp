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

}  // namespace

OwnProgramCommand::OwnProgramCommand(CommandDescription description, OwnProgram* own, Call call)
    : CommandHandler(completed(std::move(description))), own_(own), call_(std::move(call)) {}

Task<CommandResult> OwnProgramCommand::run(CommandContext& context) const {
    const auto& name = description().name;
    if (own_ == nullptr) {
        co_return CommandResult::failed("only the running service does this; at a terminal: jiro-client " + name);
    }
    if (!context.arguments().empty()) co_return CommandResult::rejected("usage: " + name + ", without arguments");
    if (!own_->running.insert(name).second)
        co_return CommandResult::rejected("busy: " + name + " is under way already");
    const AtEnd at_end([this] { own_->running.erase(description().name); });
    auto running = run_alone(context);
    co_return co_await std::move(running);
}

Task<CommandResult> OwnProgramCommand::run_alone(CommandContext& context) const {
    ExecCommand command;
    command.name = description().name;
    command.result = ExecResultKind::text;
    command.success_exit_codes = call_.successes;
    command.max_output_bytes = std::min(kOwnOutputBytes, context.max_result_bytes() / 2);
    ExecRequest request;
    request.spec.argv = {"/proc/self/exe"};  // also after an upgrade: what runs
    request.spec.argv.insert(request.spec.argv.end(), call_.arguments.begin(), call_.arguments.end());
    request.spec.argv.insert(request.spec.argv.end(), {"--config", own_->config_file});
    request.spec.environment = own_->environment;
    if (call_.input) {
        auto reading = call_.input();
        request.input = co_await std::move(reading);
    }
    request.deadline = context.deadline();
    request.limit = kOwnTimeLimit;
    auto running = run_program(command, std::move(request), context);
    co_return co_await std::move(running);
}

}  // namespace jiro::commands
