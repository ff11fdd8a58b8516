// SPDX-License-Identifier: MIT
#pragma once
// From what a program printed and how it ended to the command's result. Pure.

#include "commands/exec/output_capture.hpp"
#include "commands/exec/running_program.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::commands {

struct ExecRun {
    enum class End {
        by_itself,
        time_limit,  // stopped by us: its time limit passed
        cancelled,   // stopped by us: the command was cancelled
        stuck,       // could not be killed (it waits inside the kernel)
    };

    ExitStatus status;
    End end = End::by_itself;
    std::chrono::milliseconds limit{};
    bool output_incomplete = false;  // something it left behind held its output open for too long
};

[[nodiscard]] CommandResult exec_result(const ExecCommand& command, const ExecRun& run, const OutputCapture& output,
                                        const OutputCapture& error_output);

}  // namespace jiro::commands
