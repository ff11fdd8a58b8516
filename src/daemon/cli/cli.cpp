// SPDX-License-Identifier: MIT
#include "daemon/cli/cli.hpp"

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "daemon/cli/subcommands.hpp"
#include "daemon/shutdown.hpp"
#include "daemon/version.hpp"

namespace jiro::daemon::cli {

namespace {

std::vector<std::pair<std::string, std::string>> split_parameters(const std::vector<std::string>& texts) {
    std::vector<std::pair<std::string, std::string>> parameters;
    for (const std::string& text : texts) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0) throw CLI::ValidationError("--param", "expected key=value");
        parameters.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return parameters;
}

// What the command line said: the options of every subcommand, and which one was chosen.
struct CommandLine {
    std::string config_file = kDefaultConfigFile;
    CheckConfigOptions check_config;
    StatusOptions status;
    CommandsOptions commands;
    ExecOptions exec;
    std::vector<std::string> exec_parameters;
    bool reload_wait = false;
    DoctorOptions doctor;
    bool doctor_offline = false;
    OutboxOptions outbox;
};

void define_outbox(CLI::App& outbox, OutboxOptions& options) {
    outbox.require_subcommand(1);
    outbox.fallthrough();  // inherited by the verbs: --config may stand behind them too
    auto* list = outbox.add_subcommand("list", "What is not delivered yet, oldest first");
    list->add_option("--state", options.state, "Only these")
        ->check(CLI::IsMember({"received", "running", "done", "delivered", "dead"}));
    list->add_flag("--json", options.json, "As JSON, for machines");
    auto* show = outbox.add_subcommand("show", "One command's row, with its result");
    show->add_option("id", options.id, "The command's commandSyncId")->required();
    show->add_flag("--json", options.json, "As JSON, for machines");
    auto* retry = outbox.add_subcommand("retry", "Send a result again, now");
    auto* id = retry->add_option("id", options.id, "The command's commandSyncId");
    auto* dead = retry->add_flag("--dead", options.all_dead, "All dead letters")->excludes(id);
    retry->add_flag("--whole", options.whole, "The whole result, in place of a short form that is not confirmed yet")
        ->excludes(dead);
    auto* drop = outbox.add_subcommand("drop", "Give a result up: it will not be sent");
    drop->add_option("id", options.id, "The command's commandSyncId")->required();
}

void choose_verb(const CLI::App& outbox, OutboxOptions& options) {
    using Verb = OutboxOptions::Verb;
    if (outbox.got_subcommand("show")) options.verb = Verb::show;
    if (outbox.got_subcommand("drop")) options.verb = Verb::drop;
    if (outbox.got_subcommand("retry")) options.verb = Verb::retry;
    if (options.verb == Verb::retry && options.id.empty() && !options.all_dead)
        throw CLI::RequiredError("an id or --dead");
}

void define(CLI::App& app, CommandLine& line) {
    const auto with_config = [&line](CLI::App* sub) {
        sub->add_option("--config", line.config_file, "Configuration file")->capture_default_str();
        return sub;
    };
    app.set_version_flag("--version", std::string("jiro-client ") + kVersion);
    app.add_option("--config", line.config_file, "Configuration file")->capture_default_str();
    app.require_subcommand(0, 1);
    app.footer("Exit codes: 0 good, 1 failed, 2 usage, 78 bad configuration. Documentation: docs/, jiro-client(8).");

    with_config(app.add_subcommand("run", "Run the daemon in the foreground (the default)"));

    auto* check =
        with_config(app.add_subcommand("check-config", "Say everything that is wrong with the configuration"));
    check->add_flag("--print", line.check_config.print_effective, "Print the effective values, secrets masked");

    auto* status = with_config(app.add_subcommand("status", "Show what the running daemon is doing"));
    status->add_flag("--json", line.status.json, "As JSON, for machines");
    status->add_flag("--ready", line.status.ready_only, "Print nothing; exit 0 when the daemon is ready, else 1");
    status->add_flag("--watch", line.status.watch, "Redraw every two seconds until interrupted");

    auto* doctor = with_config(app.add_subcommand("doctor", "Look for what is wrong, and say what to do about it"));
    doctor->add_flag("--offline", line.doctor_offline, "Ask nobody over the network");
    doctor->add_flag("--json", line.doctor.json, "As JSON, for machines");

    auto* commands = with_config(app.add_subcommand("commands", "List the commands that this machine offers"));
    commands->add_flag("--json", line.commands.json, "As JSON, for machines");

    auto* exec =
        with_config(app.add_subcommand("exec", "Run one command here, without a server, and print its result"));
    exec->add_option("text", line.exec.text, "The command's text, as the hub would send it")->required();
    exec->add_option("--param", line.exec_parameters, "A parameter, key=value; may be repeated");
    exec->add_option("--session", line.exec.session_id, "Session id");
    exec->add_flag("--json", line.exec.json, "Print the whole result as JSON");
    exec->add_flag("--as-root", line.exec.as_root, "For root: do not become the daemon's user");

    auto* reload = with_config(app.add_subcommand("reload", "Have the running daemon read its configuration again"));
    reload->add_flag("--wait", line.reload_wait, "Wait for its verdict, as is always done; for unit files");

    auto* outbox = with_config(app.add_subcommand("outbox", "Look into the outbox, send again, give up"));
    define_outbox(*outbox, line.outbox);
}

int dispatch(const CLI::App& app, CommandLine& line) {
    const auto chosen = [&app](const char* name) { return app.got_subcommand(name); };
    if (chosen("check-config")) {
        line.check_config.config_file = line.config_file;
        return check_config(line.check_config);
    }
    if (chosen("status")) {
        line.status.config_file = line.config_file;
        return status(line.status);
    }
    if (chosen("doctor")) {
        line.doctor.config_file = line.config_file;
        line.doctor.reach = line.doctor_offline ? Reach::this_machine : Reach::network;
        return doctor(line.doctor);
    }
    if (chosen("commands")) {
        line.commands.config_file = line.config_file;
        return commands(line.commands);
    }
    if (chosen("exec")) {
        line.exec.config_file = line.config_file;
        line.exec.parameters = split_parameters(line.exec_parameters);
        return exec(line.exec);
    }
    if (chosen("reload")) return reload({line.config_file});
    if (chosen("outbox")) {
        line.outbox.config_file = line.config_file;
        choose_verb(*app.get_subcommand("outbox"), line.outbox);
        return outbox(line.outbox);
    }
    return run({line.config_file});
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App app("Linux agent: receives commands over SignalR, runs them, delivers their results over gRPC.",
                 "jiro-client");
    CommandLine line;
    define(app, line);
    hold_signals();
    try {
        app.parse(argc, argv);
        if (!app.get_subcommands().empty() && !app.got_subcommand("run")) take_signals();
        return dispatch(app, line);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? ExitCode::good : ExitCode::usage;
    }
} catch (const std::exception& error) {
    std::cerr << "jiro-client: " << error.what() << '\n';
    return ExitCode::failed;
}

}  // namespace jiro::daemon::cli
