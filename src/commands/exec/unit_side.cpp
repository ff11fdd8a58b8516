// SPDX-License-Identifier: MIT
#include "jiro/commands/unit_side.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/this_coro.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "commands/exec/child_process.hpp"
#include "commands/exec/exec_command.hpp"
#include "commands/exec/unit_protocol.hpp"
#include "jiro/base/json_writer.hpp"
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
        request.descriptors.front() = FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
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
        if (!bound) {
            refuse(bound.error());
            co_return;
        }
        auto started = co_await ChildProcess::spawn(std::move(request.spec), std::move(request.descriptors), clock_,
                                                    clock_.now() + kNoLimit);
        if (!started) {
            refuse(started.error());
            co_return;
        }
        program_ = std::move(*started);
        if (is_ending_) kill();
        JsonWriter started_record;
        started_record.begin_object();
        started_record.member("started", true);
        started_record.member("user", own_user());
        started_record.end_object();
        connection_.send(std::move(started_record).take() + '\n');
        const auto status = co_await program_->wait();
        has_ended_ = true;
        connection_.send(to_record(status));
    }

    // Until the connection ends.
    Task<> obey() {
        for (;;) {
            const auto order = co_await connection_.read();
            if (!order) co_return;
            if (!program_) continue;
            if (order->contains("sweep")) co_await sweep();
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
        if (program_ && !has_ended_) program_->signal_group(SIGKILL);
    }

    // What it left behind, its folder for temporary files, too, as far as there is time.
    Task<> clean_up() {
        const TimePoint deadline = clock_.now() + kSweepLimit;
        while (program_ && clock_.now() < deadline) {
            auto sweeping = program_->sweep(clock_, deadline - clock_.now());
            const auto left = co_await std::move(sweeping);
            if (left == 0) co_return;
            co_await clock_.sleep_for(kLookAgainAfter);
        }
    }

  private:
    void refuse(const Error& why) {
        JsonWriter problem;
        problem.begin_object();
        problem.member("problem", why.message);
        problem.end_object();
        connection_.send(std::move(problem).take() + '\n');
    }

    Task<> sweep() {
        const auto left = co_await program_->sweep(clock_, kSweepLimit);
        connection_.send("{\"left\":" + std::to_string(left.value_or(1)) + "}\n");
    }

    UnitConnection& connection_;
    Clock& clock_;
    UnitPolicy policy_;
    std::unique_ptr<RunningProgram> program_;
    bool has_ended_ = false;
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
