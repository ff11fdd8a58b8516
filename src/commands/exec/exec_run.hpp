// SPDX-License-Identifier: MIT
#pragma once
// One run of a program from start to sweep: feeds it, drains it, ends it in time, leaves nothing behind.

#include "commands/exec/exec_result.hpp"
#include "commands/exec/unit_socket.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/commands/command_context.hpp"
#include "jiro/commands/kept_programs.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

// After the program's end its output is read for at most this long: a background process may keep the pipe open.
inline constexpr std::chrono::milliseconds kDrainLimit{2000};
// After SIGKILL, and for the sweep.
inline constexpr std::chrono::milliseconds kKillLimit{2000};
// For the workers to make a result of much output.
inline constexpr std::chrono::milliseconds kReadLimit{2000};

// All that may follow a program's time limit: it is ended, what it left is looked at twice, its output read to the end.
[[nodiscard]] constexpr std::chrono::milliseconds clean_up_limit(std::chrono::milliseconds kill_grace) {
    return kill_grace + 3 * kKillLimit + kDrainLimit + kReadLimit;
}

struct ExecRequest {
    ChildSpec spec;
    std::optional<std::string> input;    // for standard input; without it /dev/null
    std::vector<std::string> secrets;    // masked in what it prints
    std::shared_ptr<UnitSocket> socket;  // of the units (Commands.RunAs); without it a child of this process
    KeptPrograms* kept = nullptr;        // of those that survive the daemon's restart; null: none does
    std::optional<ProgramDescriptors> taken_back{};  // of a program that an earlier process started; of `spec` only the
                                                     // command's id counts then
    TimePoint deadline;
    std::chrono::milliseconds limit{};  // for the text only
};

// Never throws. A terminal cancellation ends the program as its deadline does; the result is then `cancelled`. But with
// a handover that is due it leaves the program as it is.
[[nodiscard]] Task<CommandResult> run_program(const ExecCommand& command, ExecRequest request, CommandContext& context);

}  // namespace jiro::commands
