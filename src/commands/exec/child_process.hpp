// SPDX-License-Identifier: MIT
#pragma once
// One program, started safely: clone(CLONE_VM | CLONE_VFORK) instead of fork (gRPC's threads forbid fork handlers, and
// nothing is copied), a session and process group of its own, only its three descriptors, default signals, only the
// listed environment, and killed by the kernel should this process die. This process becomes a child subreaper:
// whatever the program leaves behind, in whatever session, comes back here and is ended by `sweep`. Event loop only;
// nothing here blocks: the start itself, which may, is made by a starter.

#include <sys/types.h>

#include <memory>

#include "commands/exec/orphans.hpp"
#include "commands/exec/running_program.hpp"

namespace jiro::commands {

class ChildProcess final : public RunningProgram {
  public:
    // errc::spawn_failed says which step failed and why, in words; errc::start_too_slow: not started by `deadline`. A
    // cancellation is the error operation_aborted, not thrown.
    [[nodiscard]] static Task<Result<std::unique_ptr<RunningProgram>>> spawn(ChildSpec spec,
                                                                             std::array<FileDescriptor, 3> descriptors,
                                                                             Clock& clock, TimePoint deadline);
    // The next sweep reaps it.
    ~ChildProcess() override;

    [[nodiscard]] Task<ExitStatus> wait() override;
    void signal_group(int signal) override { send_signal(signal); }
    [[nodiscard]] Task<std::optional<int>> sweep(Clock& clock, Duration limit) override;

  private:
    ChildProcess(const Executor& executor, pid_t pid, int pidfd, std::shared_ptr<orphans::Run> run);
    void send_signal(int signal) const noexcept;
    [[nodiscard]] Task<> remove_folder(Clock& clock, Duration limit);

    pid_t pid_;
    std::shared_ptr<orphans::Run> run_;
    bool reaped_ = false;
    boost::asio::posix::stream_descriptor exit_;  // a pidfd: readable when the program has ended
};

}  // namespace jiro::commands
