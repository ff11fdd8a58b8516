// SPDX-License-Identifier: MIT
#include "commands/exec/exec_run.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <csignal>

#include "commands/exec/child_process.hpp"
#include "commands/exec/run_output.hpp"
#include "commands/exec/unit_process.hpp"
#include "commands/log.hpp"
#include "jiro/base/secret_mask.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace asio = boost::asio;
using Descriptor = ProgramStreams::Descriptor;

namespace {

constexpr std::size_t kReadAtOnce = 65536;  // more output than this is looked at on a worker thread

Task<> read_all(Descriptor& source, OutputCapture& capture, std::optional<SecretMask> mask) {
    std::vector<char> buffer(65536);
    for (;;) {
        const auto [error, length] = co_await source.async_read_some(asio::buffer(buffer), kNoThrow);
        const std::string_view bytes(buffer.data(), length);
        mask ? capture.append(mask->feed(bytes)) : capture.append(bytes);
        if (!error) continue;
        if (mask) capture.append(mask->finish());
        co_return;  // its end, or the time limit's
    }
}

// write(2) to a pipe whose reader has gone raises SIGPIPE, which would end a process that does not ignore it.
ssize_t write_quietly(int descriptor, std::string_view bytes) {
    sigset_t pipe_signal;
    sigset_t before;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    const auto written = write(descriptor, bytes.data(), bytes.size());
    const int error = errno;
    if (written < 0 && error == EPIPE && sigismember(&before, SIGPIPE) == 0) {
        const timespec now{};
        sigtimedwait(&pipe_signal, nullptr, &now);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return written;
}

Task<> write_all(Descriptor& target, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto [error] = co_await target.async_wait(Descriptor::wait_write, kNoThrow);
        if (error) co_return;
        const auto written = write_quietly(target.native_handle(), bytes);
        if (written < 0 && errno != EAGAIN && errno != EINTR) break;  // it does not read: its choice
        if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    boost::system::error_code ignored;
    target.close(ignored);
}

// Waits for the end within a time; nullopt when the time was over first.
Task<std::optional<ExitStatus>> wait_for(RunningProgram& child, Clock& clock, Duration limit) {
    co_return co_await with_timeout(clock, limit, child.wait());
}

// TERM to the group, a grace, then KILL.
Task<std::optional<ExitStatus>> stop(RunningProgram& child, Clock& clock, Duration grace) {
    child.signal_group(SIGTERM);
    child.signal_group(SIGCONT);  // one that was stopped hears it too
    auto status = co_await wait_for(child, clock, grace);
    if (status) co_return status;
    child.signal_group(SIGKILL);
    co_return co_await wait_for(child, clock, kKillLimit);
}

// Whatever is still there of the program's offspring goes.
Task<> kill_descendants(RunningProgram& child, Clock& clock, const std::string& name) {
    const TimePoint limit = clock.now() + kKillLimit;
    Duration pause = std::chrono::milliseconds(1);
    int seen = 0;
    while (true) {
        const auto left = co_await child.sweep(clock, limit - clock.now());
        if (left == 0) break;
        seen = std::max(seen, left.value_or(0));
        if (!left || clock.now() >= limit) {
            exec_log.warn("Processes that a program left behind cannot be ended",
                          {{"command", name}, {"processes", seen}});
            co_return;
        }
        co_await clock.sleep_for(pause);
        pause = std::min<Duration>(pause * 2, std::chrono::milliseconds(50));
    }
    if (seen > 0) {
        exec_log.info("A program left processes behind; they were ended", {{"command", name}, {"processes", seen}});
    }
}

Task<Result<std::unique_ptr<RunningProgram>>> start_running(const ExecRequest& request,
                                                            std::array<FileDescriptor, 3> descriptors, Clock& clock) {
    if (!request.socket) return ChildProcess::spawn(request.spec, std::move(descriptors), clock, request.deadline);
    return UnitProcess::spawn(request.socket, request.spec, std::move(descriptors), clock, request.deadline);
}

std::optional<int> exit_code_of(const ExitStatus& status) {
    if (status.signal) return -*status.signal;
    return status.code;
}

bool asks_for_reboot(const ExecCommand& command, const ExecRun& run) {
    const auto& codes = command.reboot_exit_codes;
    return run.end == ExecRun::End::by_itself && run.status.code &&
           std::ranges::find(codes, *run.status.code) != codes.end();
}

// Not in time, or not at all.
CommandResult not_started(const Error& error, const ExecRequest& request) {
    if (error.code == asio::error::operation_aborted)
        return CommandResult::cancelled("the program had not started yet");
    if (error.code != errc::start_too_slow) return CommandResult::failed(error.message);
    return CommandResult::timed_out("timed out after " + std::to_string(request.limit.count()) +
                                    " ms: " + error.message);
}

}  // namespace

Task<CommandResult> run_program(const ExecCommand& command, ExecRequest request, CommandContext& context) {
    Clock& clock = context.clock();
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::this_coro::throw_if_cancelled(false);
    auto pipes = ProgramStreams::make(executor, request.input.has_value(), request.spec.argv.front());
    if (!pipes) co_return CommandResult::failed(pipes.error().message);
    auto spawning = start_running(request, std::move(pipes->theirs), clock);
    auto spawned = co_await std::move(spawning);
    if (!spawned) co_return not_started(spawned.error(), request);
    const auto child = std::move(*spawned);
    const auto printed = std::make_shared<RunOutput>(command.max_output_bytes);
    printed->user = child->user();
    context.show_output(printed);
    TaskGroup streams([](const std::exception_ptr&) {});
    std::optional<SecretMask> mask;
    if (!request.secrets.empty()) mask.emplace(request.secrets);
    streams.spawn(executor, read_all(pipes->output, printed->output, mask));
    streams.spawn(executor, read_all(pipes->error_output, printed->error_output, mask));
    TaskGroup feeding([](const std::exception_ptr&) {});
    if (request.input) feeding.spawn(executor, write_all(pipes->input, *request.input));

    ExecRun run;
    run.limit = request.limit;
    std::optional<ExitStatus> status;
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    const bool is_cancelled = cancellation.cancelled() != asio::cancellation_type::none;  // just when it had started
    try {
        if (!is_cancelled) status = co_await wait_for(*child, clock, request.deadline - clock.now());
        if (!status) run.end = is_cancelled ? ExecRun::End::cancelled : ExecRun::End::time_limit;
    } catch (const std::exception&) {
        run.end = ExecRun::End::cancelled;
    }
    // From here on everything is bounded in time, and must be done.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (!status) status = co_await stop(*child, clock, command.kill_grace);
    if (status) {
        run.status = *status;
        printed->exit_code = exit_code_of(*status);
    } else {
        run.end = ExecRun::End::stuck;
    }
    exec_log.debug("A program has ended", {{"command", command.name},
                                           {"cpu_ms", run.status.cpu.count()},
                                           {"max_resident_kib", run.status.max_resident_bytes / 1024}});
    feeding.abort();
    co_await feeding.wait();
    // A program that had to be stopped takes its offspring along; one that ended well may have a straggler still
    // printing.
    if (run.end != ExecRun::End::by_itself) co_await kill_descendants(*child, clock, command.name);
    run.output_incomplete = !co_await streams.wait_until(clock, clock.now() + kDrainLimit);
    co_await kill_descendants(*child, clock, command.name);
    streams.abort();
    co_await streams.wait();
    if (asks_for_reboot(command, run)) {
        if (context.resumes() >= command.max_resumes) {
            co_return CommandResult::failed("exit code " + std::to_string(*run.status.code) +
                                            ": it asked for the machine's restart once more than MaxResumes (" +
                                            std::to_string(command.max_resumes) + ") allows");
        }
        context.suspend({command.resume_within});
    }
    if (printed->output.total_bytes() <= kReadAtOnce) {
        co_return exec_result(command, run, printed->output, printed->error_output);
    }
    // The worker owns what it reads: this command may be given up meanwhile.
    std::function<CommandResult()> read = [command, run, printed] {
        return exec_result(command, run, printed->output, printed->error_output);
    };
    co_return co_await context.run_on_worker(std::move(read));
}

}  // namespace jiro::commands
