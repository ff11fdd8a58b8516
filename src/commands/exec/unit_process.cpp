// SPDX-License-Identifier: MIT
#include "commands/exec/unit_process.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <climits>
#include <cstring>

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr auto kConnectPause = std::chrono::milliseconds(5);
constexpr const char* kLookThere = "; see `systemctl status jiro-command.socket` and `journalctl -u 'jiro-command@*'`";

}  // namespace

Task<Result<std::unique_ptr<RunningProgram>>> UnitProcess::spawn(std::shared_ptr<UnitSocket> socket, ChildSpec spec,
                                                                 std::array<FileDescriptor, 3> descriptors,
                                                                 Clock& clock, TimePoint deadline) {
    const std::string program = spec.argv.front();
    bool has_begun = false;
    try {
        auto finding = find_unit(std::move(socket), std::move(spec), std::move(descriptors), clock, has_begun);
        auto found = co_await with_timeout(clock, deadline - clock.now(), std::move(finding));
        if (found) co_return std::move(*found);
        if (has_begun) co_return start_not_done(program);
        co_return start_not_begun(program, "systemd had not started its unit");
    } catch (const std::exception&) {
        co_return Error(boost::asio::error::operation_aborted);
    }
}

// A unit that waited may end before it has the request: then another one gets it.
Task<Result<std::unique_ptr<RunningProgram>>> UnitProcess::find_unit(std::shared_ptr<UnitSocket> socket, ChildSpec spec,
                                                                     std::array<FileDescriptor, 3> descriptors,
                                                                     Clock& clock, bool& began) {
    const auto executor = co_await boost::asio::this_coro::executor;
    for (;;) {
        std::unique_ptr<UnitProcess> unit(new UnitProcess(executor, socket));
        FileDescriptor connected = socket->take_spare(clock.now());
        const bool is_spare = static_cast<bool>(connected);
        while (!connected) {
            connected = socket->connect();
            if (connected) break;
            if (errno != EAGAIN) {
                co_return spawn_error(spec.argv.front(), socket->path() + ": " + std::strerror(errno) + kLookThere);
            }
            co_await clock.sleep_for(kConnectPause);
        }
        socket->prepare();
        auto starting = unit->start(std::move(connected), spec, descriptors, began);
        const auto started = co_await std::move(starting);
        if (started) {
            std::unique_ptr<RunningProgram> running = std::move(unit);
            co_return running;
        }
        if (!is_spare || began) co_return started.error();
    }
}

Task<Result<>> UnitProcess::start(FileDescriptor connected, ChildSpec spec,
                                  const std::array<FileDescriptor, 3>& descriptors, bool& began) {
    const std::string program = spec.argv.front();
    std::string record = to_record(spec);
    if (record.size() > kMaxRequestBytes) co_return spawn_error(program, "its arguments are too long for the system");
    is_lost_ = !connection_.assign(std::move(connected));
    if (!is_lost_) {
        const bool is_sent = co_await connection_.send_request(std::move(record), descriptors);
        is_lost_ = !is_sent;
    }
    while (!is_lost_ && !has_started_ && !problem_) {
        co_await read_one();
        began = began || has_begun_;
    }
    if (problem_) co_return Error(errc::spawn_failed, *problem_);
    if (!is_lost_) co_return Result<>();
    co_return spawn_error(program,
                          (began ? "its unit has ended" : "its unit was not started") + std::string(kLookThere));
}

// Takes what the unit says. What it does not know is left aside.
Task<> UnitProcess::read_one() {
    const auto record = co_await connection_.read();
    is_lost_ = !record;
    if (!record) co_return;
    has_begun_ = has_begun_ || record->contains("begun");
    has_started_ = has_started_ || record->contains("started");
    if (const auto user = member_as<std::string>(*record, "user")) user_ = excerpt(*user, 64);
    if (auto problem = member_as<std::string>(*record, "problem")) problem_ = std::move(*problem);
    if (record->contains("code") || record->contains("signal")) status_ = read_exit_status(*record);
    if (const auto left = member_as<std::int64_t>(*record, "left"))
        left_ = static_cast<int>(std::clamp<std::int64_t>(*left, 0, INT_MAX));
}

Task<std::unique_ptr<UnitProcess>> UnitProcess::take_back(std::shared_ptr<UnitSocket> socket, FileDescriptor connected,
                                                          Clock& clock) {
    const auto executor = co_await boost::asio::this_coro::executor;
    std::unique_ptr<UnitProcess> unit(new UnitProcess(executor, std::move(socket)));
    unit->is_lost_ = !unit->connection_.assign(std::move(connected));
    if (!unit->is_lost_) unit->connection_.send("{\"tell\":true}\n");
    auto telling = unit->until_started();
    try {
        static_cast<void>(co_await with_timeout(clock, kTellLimit, std::move(telling)));
    } catch (const std::exception&) {
        // Cancelled: whoever has the unit now ends its program in good order.
    }
    co_return unit;
}

Task<> UnitProcess::until_started() {
    while (!has_started_ && !is_lost_) co_await read_one();
}

FileDescriptor UnitProcess::connection() { return FileDescriptor(fcntl(connection_.descriptor(), F_DUPFD_CLOEXEC, 3)); }

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
