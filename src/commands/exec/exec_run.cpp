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
#include "commands/exec/output_file.hpp"
#include "commands/exec/redaction.hpp"
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

constexpr std::size_t kMostSecretBytes = 8 * 1024 * 1024;
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

// Heard while a program has its grace: that this is over (CommandContext::is_grace_over), and nothing else.
asio::cancellation_type only_end_of_grace(asio::cancellation_type type) {
    const bool is_it = (type & asio::cancellation_type::total) != asio::cancellation_type::none;
    return is_it ? asio::cancellation_type::terminal : asio::cancellation_type::none;
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

std::string as_lines(const std::vector<std::string>& values) {
    std::string lines;
    for (const auto& value : values) lines += value + '\n';
    return lines;
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

// One run of a program, in the order of these functions.
class ProgramRun {
  public:
    ProgramRun(const ExecCommand& command, ExecRequest request, CommandContext& context, Executor executor)
        : command_(command), request_(std::move(request)), context_(context), executor_(std::move(executor)) {
        if (!request_.secrets.empty()) mask_.emplace(request_.secrets);
        run_.limit = request_.limit;
    }

    // What an earlier process of the daemon started goes on.
    [[nodiscard]] Task<Result<>> start();
    // By itself, or until its time is over or somebody cancels.
    [[nodiscard]] Task<> until_end(bool is_cancelled);
    // At the daemon's stop: nothing is ended, the next process has it.
    [[nodiscard]] bool is_handed_over() const { return handover_ != nullptr && handover_->is_done; }
    // Whatever is still there of it goes. Bounded in time, and must be done.
    [[nodiscard]] Task<> end();
    [[nodiscard]] Task<> stop_reading();
    [[nodiscard]] Task<CommandResult> result();

    [[nodiscard]] CommandResult not_started(const Error& error) const;

  private:
    [[nodiscard]] Task<Result<>> start_with_pipes();
    [[nodiscard]] Task<Result<>> start_with_files();
    [[nodiscard]] Task<> take_back(ProgramDescriptors program);
    void show(const std::string& user);
    void follow(FileDescriptor output, FileDescriptor error_output);
    void look_at_handover();
    [[nodiscard]] Task<> stop_program();
    [[nodiscard]] Task<> wait_in_grace();

    const ExecCommand& command_;
    ExecRequest request_;
    CommandContext& context_;
    Executor executor_;
    Clock& clock_ = context_.clock();
    Handover* const handover_ = context_.handover();

    std::unique_ptr<RunningProgram> child_;
    std::shared_ptr<RunOutput> printed_ = std::make_shared<RunOutput>(command_.max_output_bytes);
    std::optional<SecretMask> mask_;
    std::optional<ProgramStreams> pipes_;
    std::vector<std::unique_ptr<OutputFollower>> followers_;  // in place of pipes
    TaskGroup streams_{[](const std::exception_ptr&) {}};
    TaskGroup feeding_{[](const std::exception_ptr&) {}};
    std::optional<ExitStatus> status_;
    ExecRun run_;
};

Task<Result<>> ProgramRun::start() {
    if (request_.taken_back) {
        co_await take_back(std::move(*request_.taken_back));
        co_return Result<>();
    }
    const bool may_go_on = command_.survives && request_.socket && request_.kept != nullptr && handover_ != nullptr;
    auto starting = may_go_on ? start_with_files() : start_with_pipes();
    co_return co_await std::move(starting);
}

Task<Result<>> ProgramRun::start_with_pipes() {
    auto pipes = ProgramStreams::make(executor_, request_.input.has_value(), request_.spec.argv.front());
    if (!pipes) co_return pipes.error();
    pipes_ = std::move(*pipes);
    auto spawning =
        request_.socket
            ? UnitProcess::spawn(request_.socket, request_.spec, std::move(pipes_->theirs), clock_, request_.deadline)
            : ChildProcess::spawn(request_.spec, std::move(pipes_->theirs), clock_, request_.deadline);
    auto spawned = co_await std::move(spawning);
    if (!spawned) co_return spawned.error();
    child_ = std::move(*spawned);
    show(child_->user());
    streams_.spawn(executor_, read_all(pipes_->output, printed_->output, mask_));
    streams_.spawn(executor_, read_all(pipes_->error_output, printed_->error_output, mask_));
    if (request_.input) feeding_.spawn(executor_, write_all(pipes_->input, *request_.input));
    co_return Result<>();
}

Task<Result<>> ProgramRun::start_with_files() {
    const auto& program = request_.spec.argv.front();
    auto input = make_input_file(request_.input.value_or(""), program);
    auto output = make_output_file(program);
    auto error_output = make_output_file(program);
    auto secrets = make_input_file(as_lines(request_.secrets), program);
    for (const auto* file : {&input, &output, &error_output, &secrets}) {
        if (!*file) co_return file->error();
    }
    std::array<FileDescriptor, 3> theirs{std::move(*input), output->duplicate(), error_output->duplicate()};
    auto spawning = UnitProcess::spawn(request_.socket, request_.spec, std::move(theirs), clock_, request_.deadline);
    auto spawned = co_await std::move(spawning);
    if (!spawned) co_return spawned.error();
    child_ = std::move(*spawned);
    show(child_->user());

    const auto& id = request_.spec.call.command_sync_id;
    ProgramDescriptors program_descriptors{child_->connection(), std::move(*output), std::move(*error_output),
                                           std::move(*secrets)};
    handover_->is_possible = request_.kept->keep(id, context_.started_at(), program_descriptors);
    if (handover_->is_possible) {
        handover_->settled = [kept = request_.kept, id] { kept->drop(id); };
    } else {
        exec_log.info("A program cannot go on without the daemon: systemd does not hold it",
                      {{"command_sync_id", id}, {"command", command_.name}});
    }
    follow(std::move(program_descriptors.output), std::move(program_descriptors.error_output));
    co_return Result<>();
}

// The output is read from its beginning, so it is masked by what was secret then.
Task<> ProgramRun::take_back(ProgramDescriptors program) {
    const auto secrets = values_in(content_of(program.secrets, kMostSecretBytes));
    if (!secrets.empty()) mask_.emplace(secrets);
    auto taking = UnitProcess::take_back(request_.socket, std::move(program.connection), clock_);
    child_ = co_await std::move(taking);
    show(child_->user());
    handover_->is_possible = true;
    follow(std::move(program.output), std::move(program.error_output));
}

void ProgramRun::show(const std::string& user) {
    printed_->user = user;
    context_.show_output(printed_);
}

void ProgramRun::follow(FileDescriptor output, FileDescriptor error_output) {
    const auto add = [this](FileDescriptor file, OutputCapture& capture) {
        followers_.push_back(std::make_unique<OutputFollower>(executor_, std::move(file), capture, mask_));
        streams_.spawn(executor_, followers_.back()->run(clock_));
    };
    add(std::move(output), printed_->output);
    add(std::move(error_output), printed_->error_output);
}

void ProgramRun::look_at_handover() {
    if (handover_ != nullptr && handover_->is_due() && !status_) handover_->is_done = true;
}

Task<> ProgramRun::until_end(bool is_cancelled) {
    look_at_handover();  // the stop came while it started
    if (is_handed_over()) co_return;
    try {
        if (!is_cancelled) status_ = co_await with_timeout(clock_, request_.deadline - clock_.now(), child_->wait());
        if (!status_) run_.end = is_cancelled ? ExecRun::End::cancelled : ExecRun::End::time_limit;
    } catch (const std::exception&) {
        run_.end = ExecRun::End::cancelled;
        look_at_handover();
    }
}

// TERM to the group, a grace, then KILL.
Task<> ProgramRun::stop_program() {
    child_->signal_group(SIGTERM);
    child_->signal_group(SIGCONT);  // one that was stopped hears it too
    co_await asio::this_coro::reset_cancellation_state(only_end_of_grace, asio::enable_terminal_cancellation());
    if (!context_.is_grace_over()) co_await wait_in_grace();
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (status_) co_return;
    child_->signal_group(SIGKILL);
    status_ = co_await with_timeout(clock_, kKillLimit, child_->wait());
}

Task<> ProgramRun::wait_in_grace() {
    try {
        status_ = co_await with_timeout(clock_, command_.kill_grace, child_->wait());
    } catch (const std::exception&) {
        // The grace is over.
    }
}

Task<> ProgramRun::end() {
    if (!status_) co_await stop_program();
    if (status_) {
        run_.status = *status_;
        printed_->exit_code = exit_code_of(*status_);
    } else {
        run_.end = ExecRun::End::stuck;
    }
    exec_log.debug("A program has ended", {{"command", command_.name},
                                           {"cpu_ms", run_.status.cpu.count()},
                                           {"max_resident_kib", run_.status.max_resident_bytes / 1024}});
    feeding_.abort();
    co_await feeding_.wait();
    // A program that had to be stopped takes its offspring along; one that ended well may have a straggler still
    // printing, which is waited for as long as a pipe tells when it is done.
    const bool is_straggler_heard = run_.end == ExecRun::End::by_itself && followers_.empty();
    if (!is_straggler_heard) co_await kill_descendants(*child_, clock_, command_.name);
    for (const auto& follower : followers_) follower->stop();
    run_.output_incomplete = !co_await streams_.wait_until(clock_, clock_.now() + kDrainLimit);
    if (run_.output_incomplete) {
        exec_log.info("A program's output is not complete: a background process kept it open",
                      {{"command", command_.name}});
    }
    co_await kill_descendants(*child_, clock_, command_.name);
    co_await stop_reading();
}

Task<> ProgramRun::stop_reading() {
    streams_.abort();
    co_await streams_.wait();
}

Task<CommandResult> ProgramRun::result() {
    if (asks_for_reboot(command_, run_)) {
        if (context_.resumes() >= command_.max_resumes) {
            co_return CommandResult::failed("exit code " + std::to_string(*run_.status.code) +
                                            ": it asked for the machine's restart once more than MaxResumes (" +
                                            std::to_string(command_.max_resumes) + ") allows");
        }
        context_.suspend({command_.resume_within});
    }
    if (printed_->output.total_bytes() <= kReadAtOnce) {
        co_return exec_result(command_, run_, printed_->output, printed_->error_output);
    }
    // The worker owns what it reads: this command may be given up meanwhile.
    std::function<CommandResult()> read = [command = command_, run = run_, printed = printed_] {
        return exec_result(command, run, printed->output, printed->error_output);
    };
    auto reading = context_.run_on_worker(read);
    auto result = co_await with_timeout(clock_, kReadLimit, std::move(reading));
    // The program's outcome is known: workers that are busy must not take it away.
    co_return result ? std::move(*result) : read();
}

// Not in time, or not at all.
CommandResult ProgramRun::not_started(const Error& error) const {
    if (error.code == asio::error::operation_aborted)
        return CommandResult::cancelled("the program had not started yet");
    if (error.code != errc::start_too_slow) return CommandResult::failed(error.message);
    return CommandResult::timed_out("timed out after " + std::to_string(request_.limit.count()) +
                                    " ms: " + error.message);
}

}  // namespace

Task<CommandResult> run_program(const ExecCommand& command, ExecRequest request, CommandContext& context) {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::this_coro::throw_if_cancelled(false);
    ProgramRun run(command, std::move(request), context, executor);
    auto starting = run.start();
    const auto started = co_await std::move(starting);
    if (!started) co_return run.not_started(started.error());
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    const bool is_cancelled = cancellation.cancelled() != asio::cancellation_type::none;  // just when it had started
    co_await run.until_end(is_cancelled);
    // From here on everything is bounded in time, and must be done.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (run.is_handed_over()) {
        co_await run.stop_reading();
        co_return CommandResult::interrupted("goes on while the client is restarted");
    }
    co_await run.end();
    co_return co_await run.result();
}

}  // namespace jiro::commands
