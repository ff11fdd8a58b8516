// SPDX-License-Identifier: MIT
#pragma once
// One program, started safely: clone(CLONE_VM | CLONE_VFORK) instead of fork (gRPC's threads forbid fork handlers, and
// nothing is copied), a session and process group of its own, only its three descriptors, default signals, only the
// listed environment, and killed by the kernel should this process die. This process becomes a child subreaper:
// whatever the program leaves behind, in whatever session, comes back here and is ended by `sweep`. Event loop only;
// nothing here blocks: the start itself, which may, is made by a starter.

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "jiro/base/task.hpp"

#include "commands/exec/orphans.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

struct ChildSpec {
    std::vector<std::string> argv;  // argv[0] is the absolute path
    std::vector<std::pair<std::string, std::string>> environment;
    std::string working_directory = "/";
    bool with_input = false;  // otherwise standard input is /dev/null
    ExecLimits limits;
};

struct ExitStatus {
    std::optional<int> code;    // exited
    std::optional<int> signal;  // killed
};

class ChildProcess {
  public:
    using Descriptor = boost::asio::posix::stream_descriptor;

    // errc::spawn_failed says which step failed and why, in words; errc::start_too_slow: not started by `deadline`. A
    // cancellation is the error operation_aborted, not thrown.
    [[nodiscard]] static Task<Result<std::unique_ptr<ChildProcess>>> spawn(ChildSpec spec, Clock& clock,
                                                                           TimePoint deadline);
    // A program that still runs is killed; the next sweep reaps it.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    [[nodiscard]] Descriptor& input() noexcept { return input_; }
    [[nodiscard]] Descriptor& output() noexcept { return output_; }
    [[nodiscard]] Descriptor& error_output() noexcept { return error_output_; }

    // Returns when the program has ended. Cancellable.
    [[nodiscard]] Task<ExitStatus> wait();

    void signal_group(int signal) const noexcept;

    // Kills and reaps what the program left behind. Returns how many processes were still there; call again, a little
    // later, until none is. Nothing: not known within `limit`.
    [[nodiscard]] Task<std::optional<int>> sweep(Clock& clock, Duration limit) const;

  private:
    ChildProcess(const Executor& executor, pid_t pid, int pidfd, std::shared_ptr<orphans::Run> run);

    pid_t pid_;
    std::shared_ptr<orphans::Run> run_;
    bool reaped_ = false;
    Descriptor exit_;  // a pidfd: readable when the program has ended
    Descriptor input_;
    Descriptor output_;
    Descriptor error_output_;
};

}  // namespace jiro::commands
