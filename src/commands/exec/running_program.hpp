// SPDX-License-Identifier: MIT
#pragma once
// A program of Commands.Exec from its start to its end, wherever it runs: as a child of this process (ChildProcess) or
// in a unit of systemd's (UnitProcess). Event loop only; nothing here blocks.

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/model/command_message.hpp"

namespace jiro::commands {

// Which command a program is run for, with which values: all that the rest of a ChildSpec is made of, besides the
// command's definition.
struct CommandCall {
    std::string name;
    std::vector<std::string> arguments;
    Parameters parameters;
    std::string command_sync_id;
    std::string session_id;
    TraceContext trace{};
    int resumes = 0;  // how often the machine was started anew for it
};

struct ChildSpec {
    CommandCall call;
    std::vector<std::string> argv;  // argv[0] is the absolute path
    std::vector<std::pair<std::string, std::string>> environment;
    std::string working_directory = "/";
    ExecLimits limits;
    std::size_t max_output_bytes = 1048576;  // what is kept where its output goes into files in memory
};

struct ExitStatus {
    std::optional<int> code;                             // exited
    std::optional<int> signal;                           // killed
    std::string unknown = "its exit status is unknown";  // what to say without both
    std::chrono::milliseconds cpu{};                     // used by it and the children that it waited for
    std::uint64_t max_resident_bytes = 0;                // of the largest of them
};

// As whom this process runs: the name that it was given ($USER, by systemd too), else the number. Asks no name service,
// which may hang.
[[nodiscard]] std::string own_user();
// The user of what an earlier process of the daemon began, where nobody says it any more.
inline constexpr std::string_view kUnknownUser = "unknown";

// Standard input, output and error.
struct ProgramStreams {
    using Descriptor = boost::asio::posix::stream_descriptor;

    // The ends that stay here; they do not block. `input` is closed when there is nothing to feed.
    Descriptor input;
    Descriptor output;
    Descriptor error_output;
    // The program's: none of them is 0, 1 or 2.
    std::array<FileDescriptor, 3> theirs;

    // Without input, the program's is /dev/null. errc::spawn_failed.
    [[nodiscard]] static Result<ProgramStreams> make(const Executor& executor, bool with_input,
                                                     const std::string& program);
};

class RunningProgram {
  public:
    RunningProgram() = default;
    // A program that still runs is killed.
    virtual ~RunningProgram() = default;
    RunningProgram(const RunningProgram&) = delete;
    RunningProgram& operator=(const RunningProgram&) = delete;

    // Returns when the program has ended. Cancellable.
    [[nodiscard]] virtual Task<ExitStatus> wait() = 0;

    // Another descriptor of the connection that it lives by; none: it has none.
    [[nodiscard]] virtual FileDescriptor connection() { return {}; }

    // As whom it runs: a name, or a number.
    [[nodiscard]] virtual std::string user() const { return own_user(); }

    virtual void signal_group(int signal) = 0;

    // Kills and reaps what the program left behind; when nothing is, its folder for temporary files goes. Returns how
    // many processes were still there; call again, a little later, until none is. Nothing: not known within `limit`.
    [[nodiscard]] virtual Task<std::optional<int>> sweep(Clock& clock, Duration limit) = 0;
};

[[nodiscard]] Error spawn_error(const std::string& program, const std::string& problem);
// errc::start_too_slow.
[[nodiscard]] Error start_not_begun(const std::string& program, const std::string& why);
[[nodiscard]] Error start_not_done(const std::string& program);

}  // namespace jiro::commands
