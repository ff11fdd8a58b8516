// SPDX-License-Identifier: MIT
#include "commands/exec/child_process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <csignal>

#include "commands/exec/starter.hpp"
#include "commands/log.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/commands/run_folders.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kMaxSweepers = 4;

// What it waits for is known to the kernel only.
Error too_slow(const std::string& program, CallEnd end) {
    return end == CallEnd::not_begun ? start_not_begun(program, "the starts of other programs may hang")
                                     : start_not_done(program);
}

ExitStatus exit_status(int status, const rusage& usage) {
    ExitStatus result;
    if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    const auto cpu = std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    result.cpu = std::chrono::duration_cast<std::chrono::milliseconds>(cpu);
    result.max_resident_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    return result;
}

}  // namespace

ChildProcess::ChildProcess(const Executor& executor, pid_t pid, int pidfd, std::shared_ptr<orphans::Run> run)
    : pid_(pid), run_(std::move(run)), exit_(executor, pidfd) {}

ChildProcess::~ChildProcess() {
    if (!reaped_) send_signal(SIGKILL);
}

Task<Result<std::unique_ptr<RunningProgram>>> ChildProcess::spawn(ChildSpec spec,
                                                                  std::array<FileDescriptor, 3> descriptors,
                                                                  Clock& clock, TimePoint deadline) {
    const std::string program = spec.argv.front();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const auto run = std::make_shared<orphans::Run>();
    StartRequest request{std::move(spec), run, std::move(descriptors)};
    auto started = co_await start_program(std::move(request), clock, deadline);
    if (started.end == CallEnd::cancelled) co_return Error(boost::asio::error::operation_aborted);
    if (started.end != CallEnd::ended) co_return too_slow(program, started.end);
    if (!started.problem.empty()) co_return spawn_error(program, started.problem);

    const auto executor = co_await boost::asio::this_coro::executor;
    std::unique_ptr<RunningProgram> child(new ChildProcess(executor, started.pid, started.pidfd.get(), run));
    static_cast<void>(started.pidfd.release());
    co_return child;
}

Task<ExitStatus> ChildProcess::wait() {
    while (!reaped_) {
        // WNOHANG: the pidfd says when there is something to fetch; nothing here may block.
        int status = 0;
        rusage usage{};
        const pid_t answer = wait4(pid_, &status, WNOHANG, &usage);
        if (answer < 0 && errno != EINTR) {
            reaped_ = true;  // fetched by somebody else: its status is lost
            break;
        }
        if (answer == pid_) {
            reaped_ = true;
            co_return exit_status(status, usage);
        }
        co_await exit_.async_wait(boost::asio::posix::descriptor_base::wait_read, kAwait);
    }
    co_return ExitStatus();
}

void ChildProcess::send_signal(int signal) const noexcept {
    // Before it is reaped the number cannot belong to another process, and its group has the same number.
    if (!reaped_) kill(pid_, signal);
    kill(-pid_, signal);
}

// What the kernel says of a process may have to wait for what that process waits for.
Task<std::optional<int>> ChildProcess::sweep(Clock& clock, Duration limit) {
    static auto& sweepers = *new OutsideFunctions<int>("sweeper", kMaxSweepers);
    const TimePoint deadline = clock.now() + limit;
    auto looking = sweepers.run(
        run_->tag(), [run = run_] { return orphans::sweep(*run); }, clock, limit);
    const auto left = co_await std::move(looking);
    if (left == 0 && run_->folder) {
        auto removing = remove_folder(clock, deadline - clock.now());
        co_await std::move(removing);
    }
    co_return left;
}

// A big one takes its time: it goes on when nobody waits any more.
Task<> ChildProcess::remove_folder(Clock& clock, Duration limit) {
    static auto& removers = *new OutsideFunctions<bool>("remover", kMaxSweepers);
    const std::shared_ptr<RunFolder> folder = std::move(run_->folder);
    auto removing = removers.run(
        folder->path(), [folder] { return folder->remove(); }, clock, limit);
    const auto is_gone = co_await std::move(removing);
    if (is_gone == false) {
        exec_log.warn("What a program left in its folder for temporary files cannot be removed",
                      {{"folder", folder->path()}});
    }
}

Task<> remove_left_run_folders(Clock& clock) {
    static auto& removers = *new OutsideFunctions<std::size_t>("remover", 1);
    auto removing = removers.run(
        "left", [] { return remove_left_folders(run_folder_base()); }, clock, std::chrono::hours(1));
    const auto removed = co_await std::move(removing);
    if (removed.value_or(0) > 0) {
        exec_log.info("Folders that the programs of an earlier process left behind were removed",
                      {{"folders", *removed}});
    }
}

}  // namespace jiro::commands
