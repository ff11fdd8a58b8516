// SPDX-License-Identifier: MIT
#pragma once
// Where programs are started: on threads of their own, because chdir and execve may wait for whoever serves the file (a
// dead mount, a scanner that looks at it first), and a start with CLONE_VFORK waits with them. The threads live as long
// as the process does, as they must: the kernel kills a program when the thread that started it ends (PDEATHSIG). Used
// by ChildProcess, on the event loop; process-wide.

#include <sys/types.h>

#include <array>
#include <memory>
#include <string>

#include "commands/exec/orphans.hpp"
#include "commands/exec/running_program.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/outside_calls.hpp"

namespace jiro::commands {

struct StartRequest {
    ChildSpec spec;
    std::shared_ptr<orphans::Run> run;
    std::array<FileDescriptor, 3> descriptors;  // standard input, output, error
};

struct StartOutcome {
    CallEnd end = CallEnd::ended;
    pid_t pid = -1;        // of the program, when it runs
    FileDescriptor pidfd;  // of the same
    std::string problem;   // why it could not be started, when it does not run although the start has ended
};

// A start that takes longer than `deadline` or is cancelled is given up: its process is killed, and one that comes into
// being later is killed and reaped by its starter.
[[nodiscard]] Task<StartOutcome> start_program(StartRequest request, Clock& clock, TimePoint deadline);

}  // namespace jiro::commands
