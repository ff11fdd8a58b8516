// SPDX-License-Identifier: MIT
#pragma once
// One program in a unit of its own, which systemd starts for the connection to its socket (jiro-command.socket): as
// another user, in a control group and a sandbox of its own. It gets the request and the program's descriptors, and
// tells how the program starts and ends (unit_protocol.hpp; the other side is unit_side.hpp). When this object goes,
// the connection ends, unless somebody else holds it (KeptPrograms), and with it everything in the unit, whatever
// sessions and families it made. Event loop only.

#include <memory>
#include <optional>
#include <string>

#include "commands/exec/running_program.hpp"
#include "commands/exec/unit_protocol.hpp"
#include "commands/exec/unit_socket.hpp"

namespace jiro::commands {

// For a unit to tell how it is with its program.
inline constexpr auto kTellLimit = std::chrono::seconds(5);

class UnitProcess final : public RunningProgram {
  public:
    // As ChildProcess::spawn; errc::spawn_failed also when `socket` cannot be reached.
    [[nodiscard]] static Task<Result<std::unique_ptr<RunningProgram>>> spawn(std::shared_ptr<UnitSocket> socket,
                                                                             ChildSpec spec,
                                                                             std::array<FileDescriptor, 3> descriptors,
                                                                             Clock& clock, TimePoint deadline);

    // One that an earlier process of the daemon started; `socket` may be null.
    [[nodiscard]] static Task<std::unique_ptr<UnitProcess>> take_back(std::shared_ptr<UnitSocket> socket,
                                                                      FileDescriptor connected, Clock& clock);
    [[nodiscard]] FileDescriptor connection() override;

    [[nodiscard]] Task<ExitStatus> wait() override;
    [[nodiscard]] std::string user() const override { return user_; }
    void signal_group(int signal) override;
    [[nodiscard]] Task<std::optional<int>> sweep(Clock& clock, Duration limit) override;

  private:
    UnitProcess(const Executor& executor, std::shared_ptr<UnitSocket> socket)
        : use_(std::move(socket)), connection_(executor) {}

    // `began`: set when a unit has the request.
    [[nodiscard]] static Task<Result<std::unique_ptr<RunningProgram>>> find_unit(
        std::shared_ptr<UnitSocket> socket, ChildSpec spec, std::array<FileDescriptor, 3> descriptors, Clock& clock,
        bool& began);

    [[nodiscard]] Task<Result<>> start(FileDescriptor connected, ChildSpec spec,
                                       const std::array<FileDescriptor, 3>& descriptors, bool& began);
    [[nodiscard]] Task<> read_one();
    [[nodiscard]] Task<> until_started();
    [[nodiscard]] Task<> until_swept();

    UnitSocket::Use use_;
    UnitConnection connection_;
    bool has_begun_ = false;  // the unit has the request
    bool has_started_ = false;
    bool is_lost_ = false;            // the unit has ended: so has everything in it
    std::string user_{kUnknownUser};  // what it says that it runs as
    std::optional<std::string> problem_;
    std::optional<ExitStatus> status_;
    std::optional<int> left_;  // the answer to the last sweep
};

}  // namespace jiro::commands
