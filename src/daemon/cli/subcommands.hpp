// SPDX-License-Identifier: MIT
#pragma once
// One function a subcommand, each in the file of its name; cli.cpp parses the command line into these options.
// Each returns the process's exit code and prints for people on standard output, errors on standard
// error.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jiro/monitor/settings.hpp"
#include "jiro/monitor/status.hpp"

namespace jiro::daemon::cli {

inline constexpr auto kDefaultConfigFile = "/etc/jiro/config.yaml";

// systemd's unit does not restart the daemon after `bad_configuration`.
enum ExitCode : int {
    good = 0,
    failed = 1,
    usage = 2,
    bad_configuration = 78,  // EX_CONFIG of sysexits.h
};

int run(const std::string& config_file);

enum class Print { nothing, effective };
int check_config(const std::string& config_file, Print print);

// The C# client's configuration as ours: on standard output without secrets, or into `output`, which is made.
int migrate_config(const std::string& file, const std::string& output);

struct StatusOptions {
    bool json = false;
    bool ready_only = false;  // print nothing; the exit code says whether the daemon is ready
    bool watch = false;
    bool recent = false;   // only the commands that ended last, those that `filter` lets through
    bool by_name = false;  // only the figures by name of a command
    monitor::EndedFilter filter{};
};
int status(const std::string& config_file, const StatusOptions& options);

enum class Form { people, json };

// `status --watch`, until SIGINT, SIGTERM or SIGHUP: then 0, and the terminal is as it was. 1 when nobody reads any
// more. For people: a screen that is drawn anew; where standard output is no terminal, one view after the other. As
// JSON: one line after the other.
[[nodiscard]] int watch_status(const monitor::Listen& listen, Form form);

int commands(const std::string& config_file, Form form);

struct ExecOptions {
    std::string text;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::optional<std::string> session_id;
    bool json = false;
    bool as_root = false;  // else root becomes the daemon's user
};
int exec(const std::string& config_file, const ExecOptions& options);

// The unit's side of a command: what jiro-command@.service starts, on the connection that is standard input.
struct RunCommandOptions {
    std::string definitions;     // a folder of root's; empty: the daemon is believed
    std::string known_as;        // where people know that folder, which is mounted elsewhere in the unit
    bool run_undefined = false;  // the daemon is believed about commands that are not defined there
};
int run_command(const RunCommandOptions& options);

struct SignOptions {
    std::string text;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::string key_file;
    std::string key_id;                       // empty: the key file's name without its ending
    std::string instance;                     // instanceId of the machine that is to run it
    std::string id;                           // commandSyncId; empty: a new one
    std::int64_t valid_for = 600;             // seconds
    std::optional<std::int64_t> not_after{};  // in place of valid_for
    bool show_signed_form = false;            // print the bytes that are signed instead
};
// Prints the command message with its signature as JSON, for the hub to pass on. Reads no configuration.
int sign(const SignOptions& options);
// Makes a private key, and its public one beside it in a file that ends in .pem.
int make_key(const std::string& file);

int reload(const std::string& config_file);

int running(const std::string& config_file, Form form);

struct OutputOptions {
    std::string id;
    std::uint64_t from = 0;
    bool follow = false;  // until the command has ended
};
int output(const std::string& config_file, const OutputOptions& options);

int cancel(const std::string& config_file, const std::string& id);

struct PauseOptions {
    std::int64_t seconds = 0;  // 0: until `resume`
    std::string note;
    bool refuse = false;  // what arrives; else it waits
    bool wait = false;    // drain: until nothing runs
};
int pause(const std::string& config_file, const PauseOptions& options);
int resume(const std::string& config_file);
int drain(const std::string& config_file, const PauseOptions& options);

struct DoctorOptions {
    bool offline = false;  // ask nobody over the network
    bool json = false;
};
int doctor(const std::string& config_file, const DoctorOptions& options);

struct BundleOptions {
    std::string file;          // to be made; empty: a name with the host's and the time, in this folder
    bool from_daemon = false;  // asked by the daemon, whose facts are on standard input; over an earlier file
};
// One archive for support: what the other subcommands say, the log's last lines, the unit, all without secrets.
int bundle(const std::string& config_file, const BundleOptions& options);

struct OutboxOptions {
    std::string state;  // list: only these; empty: everything that is not delivered
    std::string id;
    bool all_dead = false;  // retry: every dead letter
    bool whole = false;     // retry: the whole message in place of its short form
    bool json = false;
};
enum class OutboxVerb { list, show, retry, drop };
int outbox(const std::string& config_file, OutboxVerb verb, const OutboxOptions& options);

struct ChatOptions {
    std::string text;  // one question; empty: lines of standard input
    std::optional<std::string> session_id;
};
int chat(const std::string& config_file, const ChatOptions& options);

struct SessionsOptions {
    std::string id;
    std::string name;
    std::string file;
    bool json = false;
};
enum class SessionsVerb { list, show, rename, reset, remove, import_file, export_all };
int sessions(const std::string& config_file, SessionsVerb verb, const SessionsOptions& options);

}  // namespace jiro::daemon::cli
