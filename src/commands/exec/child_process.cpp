// SPDX-License-Identifier: MIT
#include "commands/exec/child_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "commands/exec/orphans.hpp"
#include "commands/exec/starter.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kMaxSweepers = 4;

// 0, 1 and 2 are about to be replaced in the child: keep clear of them.
FileDescriptor off_standard_streams(int number) {
    FileDescriptor given(number);
    if (number < 0 || number > 2) return given;
    return FileDescriptor(fcntl(number, F_DUPFD_CLOEXEC, 3));
}

struct Pipe {
    FileDescriptor read;
    FileDescriptor write;
};

// Only the end that stays here does not block.
bool make_pipe(Pipe& result, bool we_read) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    result.read = off_standard_streams(ends[0]);
    result.write = off_standard_streams(ends[1]);
    const int ours = we_read ? result.read.get() : result.write.get();
    return ours >= 0 && fcntl(ours, F_SETFL, O_NONBLOCK) == 0;
}

Error spawn_error(const std::string& program, const std::string& problem) {
    return Error(errc::spawn_failed, "cannot start " + program + ": " + problem);
}

// What it waits for is known to the kernel only.
Error too_slow(const std::string& program, CallEnd end) {
    const char* why = end == CallEnd::not_begun
                          ? " has not begun: the starts of other programs hang"
                          : " hangs: its file, its interpreter or its working directory is on a mount that does not "
                            "answer, or is held by a scanner";
    return Error(errc::start_too_slow, "the start of " + program + why);
}

}  // namespace

ChildProcess::ChildProcess(const Executor& executor, pid_t pid, int pidfd, std::shared_ptr<orphans::Run> run)
    : pid_(pid),
      run_(std::move(run)),
      exit_(executor, pidfd),
      input_(executor),
      output_(executor),
      error_output_(executor) {}

ChildProcess::~ChildProcess() {
    if (!reaped_) signal_group(SIGKILL);
}

Task<Result<std::unique_ptr<ChildProcess>>> ChildProcess::spawn(ChildSpec spec, Clock& clock, TimePoint deadline) {
    const std::string program = spec.argv.front();
    const bool with_input = spec.with_input;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    Pipe output;
    Pipe error_output;
    Pipe input;
    if (!make_pipe(output, true) || !make_pipe(error_output, true) || (with_input && !make_pipe(input, false))) {
        co_return spawn_error(program, std::string("cannot make a pipe: ") + std::strerror(errno));
    }
    if (!with_input) input.read = off_standard_streams(open("/dev/null", O_RDONLY | O_CLOEXEC));

    const auto run = std::make_shared<orphans::Run>();
    StartRequest request{
        std::move(spec), run, {std::move(input.read), std::move(output.write), std::move(error_output.write)}};
    auto started = co_await start_program(std::move(request), clock, deadline);
    if (started.end == CallEnd::cancelled) co_return Error(boost::asio::error::operation_aborted);
    if (started.end != CallEnd::ended) co_return too_slow(program, started.end);
    if (!started.problem.empty()) co_return spawn_error(program, started.problem);

    const auto executor = co_await boost::asio::this_coro::executor;
    std::unique_ptr<ChildProcess> child(new ChildProcess(executor, started.pid, started.pidfd.get(), run));
    static_cast<void>(started.pidfd.release());
    child->output_.assign(output.read.release());
    child->error_output_.assign(error_output.read.release());
    if (with_input) child->input_.assign(input.write.release());
    co_return child;
}

Task<ExitStatus> ChildProcess::wait() {
    ExitStatus status;
    while (!reaped_) {
        siginfo_t info{};
        // WNOHANG: the pidfd says when there is something to fetch; nothing here may block.
        const int answer = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
        if (answer != 0 && errno != EINTR) {
            reaped_ = true;  // fetched by somebody else: its status is lost
            break;
        }
        if (answer == 0 && info.si_pid == pid_) {
            reaped_ = true;
            (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
            break;
        }
        co_await exit_.async_wait(Descriptor::wait_read, kAwait);
    }
    co_return status;
}

void ChildProcess::signal_group(int signal) const noexcept {
    // Before it is reaped the number cannot belong to another process, and its group has the same number.
    if (!reaped_) kill(pid_, signal);
    kill(-pid_, signal);
}

// What the kernel says of a process may have to wait for what that process waits for.
Task<std::optional<int>> ChildProcess::sweep(Clock& clock, Duration limit) const {
    static auto& sweepers = *new OutsideFunctions<int>("sweeper", kMaxSweepers);
    std::function<int()> look = [run = run_] { return orphans::sweep(*run); };
    std::string key = run_->tag();
    co_return co_await sweepers.run(std::move(key), std::move(look), clock, limit);
}

}  // namespace jiro::commands
