// SPDX-License-Identifier: MIT
#pragma once
// What the operator decides about commands: the `Commands` section of the configuration. Config reads it, with types
// and ranges, and asks check() about the rest; then the dispatcher, the registry and the exec commands read it. A plain
// value: a reload passes a new one.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/ed25519.hpp"

namespace jiro::commands {

// What a program sees of its command, besides JIRO_PARAM_NAME for each parameter. It may call jiro-client, which takes
// them for no keys of the configuration.
inline constexpr const char* kNameVariable = "JIRO_COMMAND";
inline constexpr const char* kIdVariable = "JIRO_COMMAND_ID";
inline constexpr const char* kSessionVariable = "JIRO_SESSION_ID";
inline constexpr const char* kRunVariable = "JIRO_RUN";          // a mark of its run
inline constexpr const char* kResumedVariable = "JIRO_RESUMED";  // how often, with reboot_exit_codes
inline constexpr const char* kParameterVariables = "JIRO_PARAM_";
inline constexpr std::array<std::string_view, 5> kProgramVariables{kNameVariable, kIdVariable, kSessionVariable,
                                                                   kRunVariable, kResumedVariable};
[[nodiscard]] inline bool is_program_variable(std::string_view name) noexcept {
    return name.starts_with(kParameterVariables) ||
           std::ranges::find(kProgramVariables, name) != kProgramVariables.end();
}

// One parameter of an exec command: `{name}` in its Program, `parameters.name` in the message.
struct ExecParameter {
    enum class Type { text, integer, number, boolean };

    std::string name;
    std::string description;
    Type type = Type::text;
    std::optional<std::string> pattern;        // Perl regular expression; the whole value must match
    std::vector<std::string> allowed_values;   // Enum; empty: any
    std::optional<std::string> default_value;  // makes the parameter optional
    bool required = true;                      // without default_value and not required: left out of the arguments
    std::size_t min_length = 1;                // bytes
    std::size_t max_length = 4096;             // bytes
    bool allow_leading_dash = false;           // a value such as `-rf` would be read as an option by most programs
};

// How an exec command's standard output becomes a result.
enum class ExecResultKind { automatic, text, json, markdown, html, base64, graph };

// What the program gets on standard input.
enum class ExecStandardInput { nothing, message };  // message: the command message as one JSON object

// Resource limits of one run (setrlimit); unset: inherited from the daemon.
struct ExecLimits {
    std::optional<std::chrono::seconds> cpu;
    std::optional<std::uint64_t> memory_bytes;  // address space
    std::optional<std::uint64_t> open_files;
    std::optional<std::uint64_t> processes;   // in the unit; without units, of the daemon's user, all together
    std::optional<std::uint64_t> file_bytes;  // largest file that it may write
};

// One entry of Commands.Exec.
struct ExecCommand {
    std::string name;
    std::string description;
    // Shell false: argv, the first element an absolute path; elements may hold `{name}`, one may be `{args...}`.
    // Shell true: exactly one element, the script for /bin/sh -c; values are in $1.. and $JIRO_PARAM_NAME, never pasted
    // in.
    std::vector<std::string> program;
    bool shell = false;
    std::vector<ExecParameter> parameters;             // in binding order, as written
    std::optional<std::chrono::milliseconds> timeout;  // unset: Settings::timeout
    std::chrono::milliseconds kill_grace{5000};        // between SIGTERM and SIGKILL
    ExecResultKind result = ExecResultKind::automatic;
    ExecStandardInput standard_input = ExecStandardInput::nothing;
    std::vector<std::pair<std::string, std::string>> environment;  // added to the base set; nothing else is inherited
    // Whose values are masked in what it prints: variables of `environment` by name, files by path.
    std::vector<std::string> redact;
    std::string working_directory = "/";
    std::size_t max_output_bytes = 1048576;  // of standard output: head and tail are kept, the rest is counted
    std::vector<int> success_exit_codes{0};
    bool idempotent = false;  // may be run again after a crash of the daemon
    bool survives = false;    // goes on while the daemon is restarted, where it runs in a unit of its own
    // With one of these the program asks for the machine's restart, after which it runs again (JIRO_RESUMED): so often
    // at most, and until then, counted from each asking.
    std::vector<int> reboot_exit_codes;
    int max_resumes = 3;
    std::chrono::milliseconds resume_within{3'600'000};
    int max_concurrent = 0;  // runs of this command at a time; 0: only Settings::max_concurrent limits
    ExecLimits limits;
    std::string source;  // "file:line" of its definition, for people
};

enum class OnConnectionLost { keep_running, cancel };  // in the configuration: continue, cancel

// When a hub that waits for an answer gets it: at the command's end, when the command is in the journal, or when the
// server has confirmed its result.
enum class Acknowledge { finished, received, delivered };

// As whom the programs of Commands.Exec run.
enum class RunAs {
    unit,    // as the user of jiro-command@.service, in a control group each: systemd starts them
    daemon,  // as this process's user, as its children
};

// Which commands run only when they are signed (signature.hpp).
enum class RequireSignature { none, exec, all };  // exec: those that run a program

// One file of Commands.Trust.Keys.
struct TrustedKey {
    std::string id;  // the file's name without .pem
    Ed25519PublicKey key;
};

// 1 to 64 letters, digits and - _ .
[[nodiscard]] bool is_key_id(std::string_view text) noexcept;

struct Trust {
    std::string keys_folder;  // empty: signatures are not looked at
    RequireSignature require = RequireSignature::none;
    std::vector<TrustedKey> keys;  // of the folder
};

inline constexpr std::chrono::hours kLongestDedupeWindow{8'760};

inline constexpr const char* kUnitSocket = "/run/jiro-command.sock";  // jiro-command.socket's

struct Settings {
    RunAs run_as = RunAs::unit;
    std::string unit_socket = kUnitSocket;
    int max_concurrent = 16;
    int max_queued = 1024;
    std::chrono::milliseconds timeout{60'000};    // of a command's run
    std::chrono::milliseconds max_wait{300'000};  // for its turn; the server forgets a request after that
    std::chrono::milliseconds stop_limit{
        60'000};  // for what runs when the daemon is told to stop; then it is cancelled
    std::size_t max_result_bytes = 3145728;
    OnConnectionLost on_connection_lost = OnConnectionLost::keep_running;
    std::string prefix;  // empty: a text is a command; else only one that begins with it is, others are for the default
    std::optional<std::string> default_command;  // gets texts whose first word is no known command
    Acknowledge acknowledge = Acknowledge::finished;
    std::string instance_id;  // when set, commands for another instance are refused (top-level key InstanceId)
    std::vector<std::string> other_names;  // of commands that the daemon adds: the assistant's
    std::vector<std::string> tools;        // Chat.Tools: commands that the model may call
    bool command_text = false;             // whether command texts may be logged (Logging.CommandText)
    std::vector<ExecCommand> exec;
    Trust trust;
    std::chrono::hours dedupe_window{24};  // no signature is good for longer (Outbox.DedupeWindowHours)
};

// Where programs run: the socket of the units, or nothing when they are children of this process, as RunAs says, or
// because there is no such socket (no systemd). Looks at the file system.
[[nodiscard]] std::optional<std::string> socket_for_programs(const Settings& settings);

// Something that cannot work.
struct Problem {
    std::string key_path;  // "Commands.Exec.disk.Program"
    std::string what;
};

// Everything that would keep make_registry from building; empty: nothing. The one place that says what a definition
// must be. Pure.
[[nodiscard]] std::vector<Problem> check(const Settings& settings);

// Parameters that become a part of a path, by their name or by their place in an argument, and may be anything: a
// sender could name any file. For `jiro-client doctor`. Pure.
[[nodiscard]] std::vector<Problem> open_paths(const Settings& settings);

}  // namespace jiro::commands
