// SPDX-License-Identifier: MIT
#pragma once
// One function a subcommand, each in the file of its name; cli.cpp parses the command line into these options.
// Each returns the process's exit code and prints for people on standard output, errors on standard
// error.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jiro::daemon::cli {

inline constexpr auto kDefaultConfigFile = "/etc/jiro/config.yaml";

// systemd's unit does not restart the daemon after `bad_configuration`.
enum ExitCode : int {
    good = 0,
    failed = 1,
    usage = 2,
    bad_configuration = 78,  // EX_CONFIG of sysexits.h
};

struct RunOptions {
    std::string config_file;
};
int run(const RunOptions& options);

struct CheckConfigOptions {
    std::string config_file;
    bool print_effective = false;
};
int check_config(const CheckConfigOptions& options);

struct StatusOptions {
    std::string config_file;
    bool json = false;
    bool ready_only = false;  // print nothing; the exit code says whether the daemon is ready
    bool watch = false;
};
int status(const StatusOptions& options);

struct CommandsOptions {
    std::string config_file;
    bool json = false;
};
int commands(const CommandsOptions& options);

struct ExecOptions {
    std::string config_file;
    std::string text;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::optional<std::string> session_id;
    bool json = false;
    bool as_root = false;  // else root becomes the daemon's user
};
int exec(const ExecOptions& options);

struct ReloadOptions {
    std::string config_file;
};
int reload(const ReloadOptions& options);

enum class Reach { this_machine, network };
struct DoctorOptions {
    std::string config_file;
    Reach reach = Reach::network;
    bool json = false;
};
int doctor(const DoctorOptions& options);

struct OutboxOptions {
    enum class Verb { list, show, retry, drop };
    std::string config_file;
    Verb verb = Verb::list;
    std::string state;  // list: only these; empty: everything that is not delivered
    std::string id;
    bool all_dead = false;  // retry: every dead letter
    bool whole = false;     // retry: the whole message in place of its short form
    bool json = false;
};
int outbox(const OutboxOptions& options);

}  // namespace jiro::daemon::cli
