// SPDX-License-Identifier: MIT
#include "commands/exec/exec_command.hpp"

#include <algorithm>

#include "commands/exec/exec_run.hpp"
#include "commands/exec/redaction.hpp"
#include "commands/exec/unit_process.hpp"
#include "jiro/base/log.hpp"
#include "jiro/commands/command_message.hpp"

namespace jiro::commands {

namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
        const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\") == std::string::npos;
        text += text.empty() ? "" : " ";
        text += plain ? word : '\'' + word + '\'';
    }
    return text;
}

CommandDescription describe(const ExecCommand& command, const ArgumentBinding& binding) {
    CommandDescription description;
    description.name = command.name;
    description.summary = command.description.empty() ? "Runs a program of this machine" : command.description;
    description.usage = command.name;
    for (const auto& parameter : binding.parameters()) {
        const auto& definition = parameter.definition();
        const bool needed = definition.required && !definition.default_value;
        description.usage += needed ? " <" + definition.name + '>' : " [" + definition.name + ']';
        description.parameters.push_back({definition.name, definition.description, needed, definition.default_value,
                                          parameter.allowed(), definition.type});
    }
    if (binding.takes_rest()) description.usage += " [args...]";
    description.source = command.source.empty() ? "configuration" : command.source;
    description.runs = (command.shell ? "/bin/sh -c " : "") + joined(log::scrubbed(command.program));
    description.uses_shell = command.shell;
    description.idempotent = command.idempotent;
    description.max_concurrent = command.max_concurrent;
    description.time_limit = command.timeout;
    description.resume_within = command.resume_within;
    description.own_clean_up = clean_up_limit(command.kill_grace);
    if (command.survives) description.own_clean_up += kTellLimit;
    return description;
}

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
}

bool is_variable(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// Nothing of the daemon's environment is passed on: it may hold credentials.
std::vector<std::pair<std::string, std::string>> environment_for(const ExecCommand& command, const CommandCall& call) {
    std::vector<std::pair<std::string, std::string>> variables{
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        {"LANG", "C.UTF-8"},
        {"HOME", "/"},
        {kNameVariable, command.name},
        {kIdVariable, call.command_sync_id},
        {kSessionVariable, call.session_id}};
    if (!call.trace.empty()) variables.emplace_back("TRACEPARENT", call.trace.parent());
    if (!call.trace.state().empty()) variables.emplace_back("TRACESTATE", call.trace.state());
    if (!command.reboot_exit_codes.empty()) variables.emplace_back(kResumedVariable, std::to_string(call.resumes));
    for (const auto& [name, value] : command.environment) {
        const auto same = std::ranges::find(variables, name, [](const auto& variable) { return variable.first; });
        if (same != variables.end()) {
            same->second = value;
        } else {
            variables.emplace_back(name, value);
        }
    }
    return variables;
}

}  // namespace

Result<ChildSpec> spec_for(const ExecCommand& command, const ArgumentBinding& binding, CommandCall call) {
    auto bound = binding.bind(call.arguments, call.parameters);
    if (!bound) return bound.error();
    ChildSpec spec;
    spec.argv = std::move(bound->argv);
    spec.environment = environment_for(command, call);
    for (auto& variable : bound->environment) spec.environment.push_back(std::move(variable));
    spec.working_directory = command.working_directory;
    spec.limits = command.limits;
    spec.max_output_bytes = command.max_output_bytes;
    spec.call = std::move(call);
    return spec;
}

ExecCommandHandler::ExecCommandHandler(ExecCommand command, ArgumentBinding binding, std::shared_ptr<UnitSocket> socket,
                                       KeptPrograms* kept)
    : CommandHandler(describe(command, binding)),
      command_(std::move(command)),
      binding_(std::move(binding)),
      socket_(std::move(socket)),
      kept_(kept) {}

Task<CommandResult> ExecCommandHandler::run(CommandContext& context) const {
    ExecRequest request;
    request.socket = socket_;
    request.kept = kept_;
    request.deadline = context.deadline();
    request.limit = std::chrono::ceil<std::chrono::milliseconds>(context.deadline() - context.started_at());
    const auto& id = context.message().command_sync_id;
    // What runs already runs by the values and secrets that it was started with.
    if (kept_ != nullptr && context.handover() != nullptr) request.taken_back = kept_->take(id);
    if (request.taken_back) {
        request.spec.call.command_sync_id = id;
        co_return co_await run_program(command_, std::move(request), context);
    }
    auto spec = spec_for(command_, binding_,
                         {.name = command_.name,
                          .arguments = context.arguments(),
                          .parameters = context.parameters(),
                          .command_sync_id = id,
                          .session_id = context.session_id(),
                          .trace = context.message().trace,
                          .resumes = context.resumes()});
    if (!spec) co_return CommandResult::rejected(spec.error());
    request.spec = std::move(*spec);
    if (!command_.redact.empty()) {
        auto reading = values_to_redact(command_, context.clock(), context.deadline());
        auto secrets = co_await std::move(reading);
        if (!secrets) co_return CommandResult::failed("not run: " + secrets.error().message);
        request.secrets = std::move(*secrets);
    }
    if (command_.standard_input == ExecStandardInput::message) request.input = to_json(context.message()) + '\n';
    co_return co_await run_program(command_, std::move(request), context);
}

std::unique_ptr<const CommandHandler> make_exec_command(const ExecCommand& command, std::shared_ptr<UnitSocket> socket,
                                                        KeptPrograms* kept, std::vector<std::string>& problems) {
    const auto before = problems.size();
    if (!is_name(command.name)) {
        problems.emplace_back("the name of a command has 1 to 64 letters, digits, and the characters - _ .");
    }
    ArgumentBinding binding(command, problems);
    for (const auto& [name, value] : command.environment) {
        if (!is_variable(name)) problems.push_back("Environment: '" + name + "' is not the name of a variable");
        if (is_program_variable(name)) problems.push_back("Environment: '" + name + "' is set by the client itself");
        if (value.find('\0') != std::string::npos) problems.push_back("Environment: '" + name + "' holds a NUL");
    }
    check_redaction(command, problems);
    for (const int code : command.reboot_exit_codes) {
        if (std::ranges::find(command.success_exit_codes, code) == command.success_exit_codes.end()) continue;
        problems.push_back("RebootExitCodes: " + std::to_string(code) + " is among SuccessExitCodes");
    }
    if (command.success_exit_codes.empty())
        problems.emplace_back("SuccessExitCodes: is empty, so it could never succeed");
    if (problems.size() != before) return nullptr;
    return std::make_unique<ExecCommandHandler>(command, std::move(binding), std::move(socket), kept);
}

}  // namespace jiro::commands
