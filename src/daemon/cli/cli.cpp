// SPDX-License-Identifier: MIT
#include "daemon/cli/cli.hpp"

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <map>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/pause.hpp"
#include "daemon/shutdown.hpp"
#include "daemon/version.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/commands/command_message.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::daemon::cli {

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters split_parameters(const std::vector<std::string>& texts) {
    Parameters parameters;
    for (const std::string& text : texts) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0) throw CLI::ValidationError("--param", "expected key=value");
        const std::string name = text.substr(0, equals);
        if (find_ignoring_case(parameters, name) != nullptr)
            throw CLI::ValidationError("--param", "the parameter " + name + " is given twice");
        parameters.emplace_back(name, text.substr(equals + 1));
    }
    return parameters;
}

// For what a command holds, which is JSON.
std::string check_text(const std::string& given) { return is_utf8(given) ? "" : "it is not UTF-8 text"; }

// What a message of the hub's may have as its session.
std::string check_session_id(const std::string& given) {
    if (!is_utf8(given)) return "it is not UTF-8 text";
    if (has_control_characters(given)) return "it holds control characters";
    const auto limit = jiro::commands::MessageLimits().command_sync_id_bytes;
    return given.size() > limit ? "it is longer than " + std::to_string(limit) + " bytes" : "";
}

// As of a variable of a script that is not set.
std::string check_file(const std::string& given) { return given.empty() ? "it names no file" : ""; }

// A duration with its unit, in seconds.
CLI::Option* add_duration(CLI::App* sub, const char* name, std::int64_t& seconds, std::chrono::seconds longest,
                          CLI::AsNumberWithUnit::Options unit, const char* what) {
    const std::map<std::string, std::int64_t> units{{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    return sub->add_option(name, seconds, what)
        ->transform(CLI::AsNumberWithUnit(units, unit, "DURATION"))
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{longest.count()}));
}

using Action = std::function<int()>;

// The subcommands, each with its options; the one that is chosen stores what it would do into `chosen`.
class CommandLine {
  public:
    explicit CommandLine(CLI::App& app) : app_(app) {
        app.set_version_flag("--version", std::string("jiro-client ") + kVersion);
        app.add_option("--config", config_file_, "Configuration file")->check(check_file)->capture_default_str();
        app.require_subcommand(0, 1);
        app.footer(
            "Exit codes: 0 good, 1 failed, 2 usage, 78 bad configuration (run --test-mode: 1), 128 and the signal's "
            "number where a signal ended exec or bundle. Documentation: docs/, jiro-client(8).");
        define_run();
        define_check_config();
        define_migrate_config();
        define_status();
        define_doctor();
        define_bundle();
        define_commands();
        define_exec();
        define_sign();
        define_run_command();
        add("reload", "Have the running daemon read its configuration again", [this] {
            return reload(config_file_);
        })->add_flag("--wait", reload_wait_, "Wait for its verdict, as is always done; for unit files");
        define_running();
        define_pause();
        define_outbox();
        define_chat();
        define_sessions();
    }

    // Of the subcommand that was parsed; `run` when there was none.
    [[nodiscard]] int act() {
        // As the daemon was given it, whose folder is another, and as the packaged units have it.
        std::error_code error;
        const auto absolute = std::filesystem::absolute(config_file_, error);
        if (!error) config_file_ = absolute.lexically_normal().string();
        return chosen_ ? chosen_() : start();
    }

  private:
    CLI::App* add(const char* name, const char* what, Action action) {
        auto* sub = app_.add_subcommand(name, what);
        sub->add_option("--config", config_file_, "Configuration file")->check(check_file)->capture_default_str();
        return on_choice(sub, std::move(action));
    }

    CLI::App* on_choice(CLI::App* sub, Action action) {
        if (action) sub->callback([this, action = std::move(action)] { chosen_ = action; });
        return sub;
    }

    // From the environment, too, where containers write flags as 0 and 1. A word that is neither is no reason to run.
    [[nodiscard]] bool is_test_mode() const {
        const auto word = variable_in(process_environment(), "JIRO_TEST_MODE");
        if (test_mode_ || word == "1") return true;
        if (word.empty() || word == "0") return false;
        const auto told = parse_flag(word);
        if (!told) throw BadConfiguration("JIRO_TEST_MODE: must be true or false, not '" + excerpt(word, 40) + "'\n");
        return *told;
    }

    // The C# client's way to validate its configuration.
    [[nodiscard]] int start() const {
        if (!is_test_mode()) return run(config_file_);
        return check_config(config_file_, Print::nothing) == ExitCode::good ? ExitCode::good : ExitCode::failed;
    }

    void define_run() {
        const char* what =
            "Validate the configuration and exit 0 or 1, as the C# client does; also JIRO_TEST_MODE=true";
        app_.add_flag("--test-mode", test_mode_, what);
        add("run", "Run the daemon in the foreground (the default)", [this] {
            return start();
        })->add_flag("--test-mode", test_mode_, what);
    }

    void define_migrate_config() {
        auto* sub = app_.add_subcommand("migrate-config", "Write the C# client's appsettings.json as a file of ours");
        on_choice(sub, [this] { return migrate_config(migrated_file_, migrated_output_); });
        sub->add_option("file", migrated_file_, "appsettings.json")->required()->check(check_file);
        sub->add_option("--output", migrated_output_,
                        "File to make, for its owner only, secrets included; else standard output, without them");
    }

    void define_check_config() {
        add("check-config", "Say everything that is wrong with the configuration", [this] {
            return check_config(config_file_, print_effective_ ? Print::effective : Print::nothing);
        })->add_flag("--print", print_effective_, "Print the effective values, secrets masked");
    }

    void define_status() {
        auto* sub =
            add("status", "Show what the running daemon is doing", [this] { return status(config_file_, status_); });
        sub->add_flag("--json", status_.json, "As JSON, for machines");
        sub->add_flag("--ready", status_.ready_only, "Print nothing; exit 0 when the daemon is ready, else 1");
        auto* watch = sub->add_flag("--watch", status_.watch, "Redraw every two seconds until interrupted");
        auto* by_name =
            sub->add_flag("--by-name", status_.by_name, "How many commands of each name, and how long they ran");
        auto* recent = sub->add_flag("--recent", status_.recent, "The commands that ended last, the newest first");
        by_name->excludes(watch)->excludes(recent);
        recent->excludes(watch);
        sub->add_option("--name", status_.filter.name, "With --recent: only commands of this name")->needs(recent);
        sub->add_option("--outcome", status_.filter.outcome, "With --recent: only of this outcome")
            ->needs(recent)
            ->check(CLI::IsMember(std::vector<std::string>(kOutcomeNames.begin(), kOutcomeNames.end())));
        sub->add_flag("--failed", status_.filter.failed, "With --recent: only what did not succeed")->needs(recent);
        sub->add_flag("--undelivered", status_.filter.undelivered,
                      "With --recent: only results that the server has not confirmed")
            ->needs(recent);
    }

    void define_doctor() {
        auto* sub = add("doctor", "Look for what is wrong, and say what to do about it",
                        [this] { return doctor(config_file_, doctor_); });
        sub->add_flag("--offline", doctor_.offline, "Ask nobody over the network");
        sub->add_flag("--json", doctor_.json, "As JSON, for machines");
    }

    void define_bundle() {
        auto* sub = add("bundle", "Make one archive for support: findings, status, configuration, log; no secrets",
                        [this] { return bundle(config_file_, bundle_); });
        sub->add_option("file", bundle_.file, "The archive to make (.tar.gz); else one in this folder");
        sub->add_flag("--from-daemon", bundle_.from_daemon)->group("");  // not in the help
    }

    void define_commands() {
        add("commands", "List the commands that this machine offers", [this] {
            return commands(config_file_, list_as_json_ ? Form::json : Form::people);
        })->add_flag("--json", list_as_json_, "As JSON, for machines");
    }

    void define_exec() {
        auto* sub = add("exec", "Run one command here, without a server, and print its result", [this] {
            exec_.parameters = split_parameters(exec_parameters_);
            return exec(config_file_, exec_);
        });
        sub->add_option("text", exec_.text, "The command's text, as the hub would send it")
            ->required()
            ->check(check_text);
        sub->add_option("--param", exec_parameters_, "A parameter, key=value; may be repeated")->check(check_text);
        sub->add_option("--session", exec_.session_id, "Session id")->check(check_session_id);
        sub->add_flag("--json", exec_.json, "Print the whole result as JSON");
        sub->add_flag("--as-root", exec_.as_root, "For root: do not become the daemon's user");
    }

    void define_sign() {
        auto* sub = app_.add_subcommand("sign", "Sign a command for a machine that trusts the key (docs/signing.md)");
        on_choice(sub, [this] {
            if (!new_key_.empty()) return make_key(new_key_);
            if (sign_.key_file.empty()) throw CLI::RequiredError("--key");
            if (sign_.text.empty()) throw CLI::RequiredError("text");
            sign_.parameters = split_parameters(sign_parameters_);
            return sign(sign_);
        });
        sub->add_option("text", sign_.text, "The command's text, as the hub is to send it")->check(check_text);
        sub->add_option("--key", sign_.key_file, "File with the private key (PEM, Ed25519)");
        sub->add_option("--key-id", sign_.key_id, "The key's name at the machine; else that of the file");
        sub->add_option("--instance", sign_.instance, "InstanceId of the machine that is to run it")->check(check_text);
        sub->add_option("--id", sign_.id, "commandSyncId; else a new one")->check(check_text);
        sub->add_option("--param", sign_parameters_, "A parameter, key=value; may be repeated")
            ->allow_extra_args(false)
            ->check(check_text);
        auto* limit = add_duration(sub, "--valid-for", sign_.valid_for, jiro::commands::kLongestDedupeWindow,
                                   CLI::AsNumberWithUnit::UNIT_OPTIONAL, "How long it may be run: 600, 10min, 2h")
                          ->capture_default_str();
        sub->add_option("--not-after", sign_.not_after, "Until when, in seconds since 1970")->excludes(limit);
        sub->add_flag("--signed-form", sign_.show_signed_form, "Print the bytes that are signed, and sign nothing");
        sub->add_option("--new-key", new_key_, "Make a private key in this file, and its public one beside it (.pem)");
    }

    // For jiro-command@.service, so not in the help.
    void define_run_command() {
        auto* sub = app_.add_subcommand("run-command", "Run the program that standard input, a socket, asks for");
        on_choice(sub, [this] { return run_command(run_command_); })->group("");
        auto* definitions = sub->add_option("--definitions", run_command_.definitions,
                                            "Folder of root's definitions, by which each value is checked once more");
        sub->add_option("--known-as", run_command_.known_as, "Where people know that folder")->needs(definitions);
        sub->add_flag("--run-undefined", run_command_.run_undefined, "Run also what is not defined there")
            ->needs(definitions);
    }

    void define_running() {
        add("running", "List the commands that the daemon runs", [this] {
            return running(config_file_, list_as_json_ ? Form::json : Form::people);
        })->add_flag("--json", list_as_json_, "As JSON, for machines");
        auto* show = add("output", "Print what a running command has printed so far",
                         [this] { return output(config_file_, output_); });
        show->add_option("id", output_.id, "The command's commandSyncId")->required();
        show->add_option("--from", output_.from, "The byte to begin with")
            ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
        show->add_flag("--follow,-f", output_.follow, "Go on until the command has ended");
        auto* end =
            add("cancel", "End a command that waits or runs", [this] { return cancel(config_file_, cancel_id_); });
        end->add_option("id", cancel_id_, "The command's commandSyncId")->required();
    }

    void add_note(CLI::App* sub) {
        sub->add_option("--note", pause_.note, "Why, for whoever looks at the status")
            ->check([](const std::string& note) {
                const bool fits = note.size() <= Pause::kMaxNoteBytes;
                return fits ? std::string()
                            : "has " + std::to_string(note.size()) + " bytes; " + std::to_string(Pause::kMaxNoteBytes) +
                                  " are the most";
            });
    }

    void define_pause() {
        auto* stop = add("pause", "Start no command until `resume`; what arrives waits",
                         [this] { return pause(config_file_, pause_); });
        add_duration(stop, "--for", pause_.seconds, Pause::kLongest, CLI::AsNumberWithUnit::UNIT_REQUIRED,
                     "For so long only: 90s, 30min, 2h, 1d");
        add_note(stop);
        stop->add_flag("--refuse", pause_.refuse, "Refuse what arrives, with the note, in place of having it wait");
        add("resume", "Start commands again", [this] { return resume(config_file_); });
        auto* empty = add("drain", "Start no command, so that soon nothing runs", [this] {
            if (pause_.note.empty()) pause_.note = "draining";
            return drain(config_file_, pause_);
        });
        empty->add_flag("--wait", pause_.wait, "Return when nothing runs any more");
        add_note(empty);
        empty->add_flag("--refuse", pause_.refuse, "Refuse what arrives, with the note, in place of having it wait");
    }

    void define_outbox() {
        auto* sub = add("outbox", "Look into the outbox, send again, give up", {});
        sub->require_subcommand(1);
        sub->fallthrough();  // inherited by the verbs: --config may stand behind them too
        const auto verb = [this, sub](const char* name, OutboxVerb what, const char* text) {
            return on_choice(sub->add_subcommand(name, text), [this, what] {
                if (what == OutboxVerb::retry && outbox_.id.empty() && !outbox_.all_dead)
                    throw CLI::RequiredError("an id or --dead");
                return outbox(config_file_, what, outbox_);
            });
        };
        auto* list = verb("list", OutboxVerb::list, "What is not delivered yet, oldest first");
        list->add_option("--state", outbox_.state, "Only these")
            ->check(CLI::IsMember({"received", "running", "done", "delivered", "dead"}));
        list->add_flag("--json", outbox_.json, "As JSON, for machines");
        auto* show = verb("show", OutboxVerb::show, "One command's row, with its result");
        show->add_option("id", outbox_.id, "The command's commandSyncId")->required();
        show->add_flag("--json", outbox_.json, "As JSON, for machines");
        auto* retry = verb("retry", OutboxVerb::retry, "Send a result again, now");
        auto* id = retry->add_option("id", outbox_.id, "The command's commandSyncId");
        auto* dead = retry->add_flag("--dead", outbox_.all_dead, "All dead letters")->excludes(id);
        retry
            ->add_flag("--whole", outbox_.whole, "The whole result, in place of a short form that is not confirmed yet")
            ->excludes(dead);
        auto* drop = verb("drop", OutboxVerb::drop, "Give a result up: it will not be sent");
        drop->add_option("id", outbox_.id, "The command's commandSyncId")->required();
    }

    void define_chat() {
        auto* sub = add("chat", "Talk with the assistant, through the running daemon or without it",
                        [this] { return chat(config_file_, chat_); });
        sub->add_option("text", chat_.text, "One question; without it each line of standard input is one");
        sub->add_option("--session", chat_.session_id, "Go on in this session; else a new one")
            ->check(check_session_id);
    }

    void define_sessions() {
        auto* sub = add("sessions", "The assistant's conversations on this machine", {});
        sub->require_subcommand(1);
        sub->fallthrough();
        const auto verb = [this, sub](const char* name, SessionsVerb what, const char* text) {
            return on_choice(sub->add_subcommand(name, text),
                             [this, what] { return sessions(config_file_, what, sessions_); });
        };
        const auto with_id = [&](const char* name, SessionsVerb what, const char* text) {
            auto* one = verb(name, what, text);
            one->add_option("id", sessions_.id, "The session's id")->required();
            return one;
        };
        verb("list", SessionsVerb::list, "All, the last used one first")
            ->add_flag("--json", sessions_.json, "As JSON, for machines");
        with_id("show", SessionsVerb::show, "What was said")->add_flag("--json", sessions_.json, "As JSON");
        with_id("rename", SessionsVerb::rename, "Give it another name")
            ->add_option("name", sessions_.name, "The name")
            ->required();
        with_id("reset", SessionsVerb::reset, "The model begins anew; what was said stays readable");
        with_id("remove", SessionsVerb::remove, "Remove it, with everything that was said, for good");
        verb("import", SessionsVerb::import_file, "Take over the C# client's jiro.db; the daemon must be stopped")
            ->add_option("file", sessions_.file, "The file")
            ->required()
            ->check(check_file);
        verb("export", SessionsVerb::export_all, "Print all of them as JSON, one a line");
    }

    CLI::App& app_;
    Action chosen_;
    std::string config_file_ = kDefaultConfigFile;
    bool test_mode_ = false;
    std::string migrated_file_;
    std::string migrated_output_;
    bool print_effective_ = false;
    bool list_as_json_ = false;
    bool reload_wait_ = false;
    StatusOptions status_;
    DoctorOptions doctor_;
    BundleOptions bundle_;
    ExecOptions exec_;
    std::vector<std::string> exec_parameters_;
    OutboxOptions outbox_;
    RunCommandOptions run_command_;
    SignOptions sign_;
    std::vector<std::string> sign_parameters_;
    std::string new_key_;
    ChatOptions chat_;
    SessionsOptions sessions_;
    OutputOptions output_;
    std::string cancel_id_;
    PauseOptions pause_;
};

// Nothing is good that could not be said, on a full disk or into a pipe that nobody reads.
int written(int exit_code) {
    if (std::cout.flush()) return exit_code;
    std::cerr << "jiro-client: standard output cannot be written\n";
    return exit_code == ExitCode::good ? ExitCode::failed : exit_code;
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App app("Linux agent: receives commands over SignalR, runs them, delivers their results over gRPC.",
                 "jiro-client");
    CommandLine line(app);
    hold_signals();
    try {
        app.parse(argc, argv);
        if (!app.get_subcommands().empty() && !app.got_subcommand("run")) take_signals();
        return written(line.act());
    } catch (const CLI::ParseError& error) {
        return written(app.exit(error) == 0 ? ExitCode::good : ExitCode::usage);
    }
} catch (const BadConfiguration& error) {
    std::cerr << error.what();
    return ExitCode::bad_configuration;
} catch (const std::exception& error) {
    std::cerr << "jiro-client: " << error.what() << '\n';
    return ExitCode::failed;
}

}  // namespace jiro::daemon::cli
