// SPDX-License-Identifier: MIT
#include "jiro/commands/unit_side.hpp"

#include <sys/socket.h>

#include <boost/asio/this_coro.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "commands/exec/child_process.hpp"
#include "commands/exec/unit_protocol.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr auto kSweepLimit = std::chrono::seconds(1);
// For a start that hangs: whoever asked has a limit of its own, and ends the connection.
constexpr auto kNoLimit = std::chrono::hours(24 * 365);

class UnitSide {
  public:
    UnitSide(UnitConnection& connection, Clock& clock) : connection_(connection), clock_(clock) {}

    Task<> run(UnitRequest request) {
        connection_.send("{\"begun\":true}\n");
        auto started = co_await ChildProcess::spawn(std::move(request.spec), std::move(request.descriptors), clock_,
                                                    clock_.now() + kNoLimit);
        if (!started) {
            JsonWriter problem;
            problem.begin_object();
            problem.member("problem", started.error().message);
            problem.end_object();
            connection_.send(std::move(problem).take() + '\n');
            co_return;
        }
        program_ = std::move(*started);
        connection_.send("{\"started\":true}\n");
        const auto status = co_await program_->wait();
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

  private:
    Task<> sweep() {
        const auto left = co_await program_->sweep(clock_, kSweepLimit);
        connection_.send("{\"left\":" + std::to_string(left.value_or(1)) + "}\n");
    }

    UnitConnection& connection_;
    Clock& clock_;
    std::unique_ptr<RunningProgram> program_;
};

}  // namespace

Task<Result<>> serve_command(FileDescriptor connection, Clock& clock) {
    const auto executor = co_await boost::asio::this_coro::executor;
    UnitConnection peer(executor);
    if (!peer.assign(std::move(connection))) co_return Error(errc::bad_request, "it came on no socket");
    co_await peer.until_readable();
    char byte = 0;
    if (recv(peer.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) co_return Result<>();  // it was not needed
    auto request = receive_request(peer.descriptor());
    if (!request) co_return request.error();
    UnitSide side(peer, clock);
    TaskGroup running([](const std::exception_ptr&) {});
    running.spawn(executor, side.run(std::move(*request)));
    co_await side.obey();
    running.abort();
    co_await running.wait();
    co_return Result<>();
}

}  // namespace jiro::commands
