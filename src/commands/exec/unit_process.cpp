// SPDX-License-Identifier: MIT
#include "commands/exec/unit_process.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <climits>
#include <cstring>

#include "jiro/base/with_timeout.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr auto kConnectPause = std::chrono::milliseconds(5);
constexpr const char* kLookThere = "; see `systemctl status jiro-command.socket` and `journalctl -u 'jiro-command@*'`";

// EAGAIN: the queue of the socket is full; whoever listens is slow.
int connect_to(int descriptor, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    path.copy(address.sun_path, path.size());
    return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

Error start_hangs(const std::string& program, bool has_begun) {
    const char* why = has_begun ? " hangs: its file, its interpreter or its working directory is on a mount that does "
                                  "not answer, or is held by a scanner"
                                : " has not begun: systemd has not started its unit";
    return Error(errc::start_too_slow, "the start of " + program + why);
}

}  // namespace

Task<Result<std::unique_ptr<RunningProgram>>> UnitProcess::spawn(std::string socket, ChildSpec spec,
                                                                 std::array<FileDescriptor, 3> descriptors,
                                                                 Clock& clock, TimePoint deadline) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const std::string program = spec.argv.front();
    std::unique_ptr<UnitProcess> unit(new UnitProcess(executor));
    try {
        auto starting = unit->start(std::move(socket), std::move(spec), std::move(descriptors), clock);
        const auto started = co_await with_timeout(clock, deadline - clock.now(), std::move(starting));
        if (!started) co_return start_hangs(program, unit->has_begun_);
        if (!*started) co_return started->error();
    } catch (const std::exception&) {
        co_return Error(boost::asio::error::operation_aborted);
    }
    std::unique_ptr<RunningProgram> running = std::move(unit);
    co_return running;
}

Task<Result<>> UnitProcess::start(std::string socket, ChildSpec spec, std::array<FileDescriptor, 3> descriptors,
                                  Clock& clock) {
    const std::string program = spec.argv.front();
    auto connected = co_await connect(std::move(socket), program, clock);
    if (!connected) co_return connected.error();
    std::string record = to_record(spec);
    if (record.size() > kMaxRequestBytes) co_return spawn_error(program, "its arguments are too long for the system");
    const bool is_sent = co_await connection_.send_request(std::move(record), std::move(descriptors));
    is_lost_ = !is_sent;
    while (!is_lost_ && !has_started_ && !problem_) co_await read_one();
    if (problem_) co_return Error(errc::spawn_failed, *problem_);
    if (!is_lost_) co_return Result<>();
    co_return spawn_error(program,
                          (has_begun_ ? "its unit has ended" : "its unit was not started") + std::string(kLookThere));
}

Task<Result<>> UnitProcess::connect(std::string socket, std::string program, Clock& clock) {
    FileDescriptor descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int error = descriptor ? connect_to(descriptor.get(), socket) : errno;
    while (error == EAGAIN) {
        co_await clock.sleep_for(kConnectPause);
        error = connect_to(descriptor.get(), socket);
    }
    if (error != 0) co_return spawn_error(program, socket + ": " + std::strerror(error) + kLookThere);
    is_lost_ = !connection_.assign(std::move(descriptor));
    co_return Result<>();
}

// Takes what the unit says. What it does not know is left aside.
Task<> UnitProcess::read_one() {
    const auto record = co_await connection_.read();
    is_lost_ = !record;
    if (!record) co_return;
    has_begun_ = has_begun_ || record->contains("begun");
    has_started_ = has_started_ || record->contains("started");
    if (const auto problem = record->find("problem"); problem != record->end() && problem->is_string()) {
        problem_ = problem->get<std::string>();
    }
    if (record->contains("code") || record->contains("signal")) status_ = read_exit_status(*record);
    if (const auto left = record->find("left"); left != record->end() && left->is_number_integer()) {
        left_ = static_cast<int>(std::clamp<std::int64_t>(left->get<std::int64_t>(), 0, INT_MAX));
    }
}

Task<ExitStatus> UnitProcess::wait() {
    while (!status_ && !is_lost_) co_await read_one();
    if (status_) co_return *status_;
    ExitStatus lost;
    lost.unknown = std::string("its unit was ended: by the program, or out of memory?") + kLookThere;
    co_return lost;
}

void UnitProcess::signal_group(int signal) { connection_.send("{\"signal\":" + std::to_string(signal) + "}\n"); }

Task<std::optional<int>> UnitProcess::sweep(Clock& clock, Duration limit) {
    left_.reset();
    connection_.send("{\"sweep\":true}\n");
    auto sweeping = until_swept();
    const bool in_time = co_await with_timeout(clock, limit, std::move(sweeping));
    if (is_lost_) co_return 0;
    co_return in_time ? left_ : std::nullopt;
}

Task<> UnitProcess::until_swept() {
    while (!left_ && !is_lost_) co_await read_one();
}

}  // namespace jiro::commands
