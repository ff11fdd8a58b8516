// SPDX-License-Identifier: MIT
#include "jiro/commands/unit_side.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "commands/exec/child_process.hpp"
#include "commands/exec/exec_command.hpp"
#include "commands/exec/output_file.hpp"
#include "commands/exec/run_output.hpp"
#include "commands/exec/unit_protocol.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/null_device.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/commands/errors.hpp"
#include "jiro/commands/run_folders.hpp"

namespace jiro::commands {

namespace {

constexpr auto kSweepLimit = std::chrono::seconds(1);
constexpr auto kLookAgainAfter = std::chrono::milliseconds(5);
// For a start that hangs: whoever asked has a limit of its own, and ends the connection.
constexpr auto kNoLimit = std::chrono::hours(24 * 365);

// The request as root's definition has it: of what the daemon says only the name and the values count. What nothing is
// read from gets nothing to read.
Result<> bind_by(const ExecCommand& definition, UnitRequest& request) {
    std::vector<std::string> problems;
    const ArgumentBinding binding(definition, problems);
    if (!problems.empty()) return Error(errc::bad_definition, definition.name + ": " + problems.front());
    auto spec = spec_for(definition, binding, std::move(request.spec.call));
    if (!spec) return spec.error();
    request.spec = std::move(*spec);
    if (definition.standard_input == ExecStandardInput::nothing) {
        auto nothing = open_null_device();
        if (!nothing) return Error(errc::spawn_failed, nothing.error().message);
        request.descriptors.front() = std::move(*nothing);
    }
    return {};
}

Result<> bind_again(const UnitPolicy& policy, UnitRequest& request) {
    if (!policy.definition_of) return {};
    const auto definition = policy.definition_of(request.spec.call.name);
    if (definition) return bind_by(*definition, request);
    const bool may_run = policy.undefined == Undefined::run && definition.error().code == errc::not_defined;
    return may_run ? Result<>() : definition.error();
}

class UnitSide {
  public:
    UnitSide(UnitConnection& connection, Clock& clock, UnitPolicy policy)
        : connection_(connection), clock_(clock), policy_(std::move(policy)) {}

    Task<> run(UnitRequest request) {
        connection_.send("{\"begun\":true}\n");
        const auto bound = bind_again(policy_, request);
        if (!bound) co_return refuse(bound.error());
        const auto executor = co_await boost::asio::this_coro::executor;
        const std::size_t max_output_bytes = request.spec.max_output_bytes;
        if (const auto piped = take_files(request, executor); !piped) co_return refuse(piped.error());
        auto started = co_await ChildProcess::spawn(std::move(request.spec), std::move(request.descriptors), clock_,
                                                    clock_.now() + kNoLimit);
        if (!started) co_return refuse(started.error());
        program_ = std::move(*started);
        if (is_ending_) kill();
        if (pipes_) {
            filling_.spawn(executor, fill(pipes_->output, files_[0], max_output_bytes));
            filling_.spawn(executor,
                           fill(pipes_->error_output, files_[1], std::max(max_output_bytes, RunOutput::kErrorBytes)));
        }
        tell();
        status_ = co_await program_->wait();
        connection_.send(to_record(*status_));
    }

    // Until the connection ends.
    Task<> obey() {
        for (;;) {
            const auto order = co_await connection_.read();
            if (!order) co_return;
            if (!program_) continue;
            if (order->contains("sweep")) co_await sweep();
            if (order->contains("tell")) tell();
            const auto signal = order->find("signal");
            if (signal == order->end()) continue;
            for (const int known : {SIGTERM, SIGCONT, SIGKILL}) {
                if (*signal == known) program_->signal_group(known);
            }
        }
    }

    // What runs ends with the connection, also what is just being started.
    void kill() {
        is_ending_ = true;
        if (program_ && !status_) program_->signal_group(SIGKILL);
    }

    // What it left behind, its folder for temporary files, too, as far as there is time.
    Task<> clean_up() {
        const TimePoint deadline = clock_.now() + kSweepLimit;
        while (program_ && clock_.now() < deadline) {
            auto sweeping = program_->sweep(clock_, deadline - clock_.now());
            const auto left = co_await std::move(sweeping);
            if (left == 0) break;
            co_await clock_.sleep_for(kLookAgainAfter);
        }
        filling_.abort();
        co_await filling_.wait();
    }

  private:
    void refuse(const Error& why) { connection_.send(json_text({{"problem", why.message}}) + '\n'); }

    // Files outlive the daemon's process, which pipes to it would not: the program gets pipes of its own.
    Result<> take_files(UnitRequest& request, const Executor& executor) {
        auto& [input, output, error_output] = request.descriptors;
        if (!is_output_file(output) || !is_output_file(error_output)) return {};
        auto pipes = ProgramStreams::make(executor, false, request.spec.argv.front());
        if (!pipes) return pipes.error();
        files_ = {std::move(output), std::move(error_output)};
        output = std::move(pipes->theirs[1]);
        error_output = std::move(pipes->theirs[2]);
        pipes_ = std::move(*pipes);
        return {};
    }

    // How it ended, to a daemon that did not hear it; and that it has started.
    void tell() {
        if (status_) connection_.send(to_record(*status_));
        connection_.send(json_text({{"started", true}, {"user", own_user()}}) + '\n');
    }

    Task<> sweep() {
        const auto left = co_await program_->sweep(clock_, kSweepLimit);
        if (left == 0) static_cast<void>(co_await filling_.wait_until(clock_, clock_.now() + kSweepLimit));
        connection_.send("{\"left\":" + std::to_string(left.value_or(1)) + "}\n");
    }

    UnitConnection& connection_;
    Clock& clock_;
    UnitPolicy policy_;
    std::unique_ptr<RunningProgram> program_;
    std::optional<ExitStatus> status_;
    std::array<FileDescriptor, 2> files_{};  // for output and error output
    std::optional<ProgramStreams> pipes_;    // whose content goes there
    TaskGroup filling_{[](const std::exception_ptr&) {}};
    bool is_ending_ = false;
};

}  // namespace

Task<Result<>> serve_command(FileDescriptor connection, Clock& clock, UnitPolicy policy) {
    const auto executor = co_await boost::asio::this_coro::executor;
    UnitConnection peer(executor);
    if (!peer.assign(std::move(connection))) co_return Error(errc::bad_request, "it came on no socket");
    co_await peer.until_readable();
    char byte = 0;
    if (recv(peer.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) co_return Result<>();  // it was not needed
    auto request = receive_request(peer.descriptor());
    if (!request) co_return request.error();
    UnitSide side(peer, clock, std::move(policy));
    TaskGroup running([](const std::exception_ptr&) {});
    running.spawn(executor, side.run(std::move(*request)));
    co_await side.obey();
    side.kill();
    static_cast<void>(co_await running.wait_until(clock, clock.now() + kSweepLimit));
    running.abort();
    co_await running.wait();
    co_await side.clean_up();
    // Where units have no /tmp of their own: also what others left.
    auto removing = remove_left_run_folders(clock);
    static_cast<void>(co_await with_timeout(clock, kSweepLimit, std::move(removing)));
    co_return Result<>();
}

}  // namespace jiro::commands
