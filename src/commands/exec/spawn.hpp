// SPDX-License-Identifier: MIT
#pragma once
// The system call level of starting a program: what happens between clone and exec. Linux only. Called by a starter:
// may wait for as long as chdir and execve do.

#include <sys/types.h>

#include <atomic>
#include <string>

#include "commands/exec/running_program.hpp"

namespace jiro::commands {

struct StartRequest;

struct Spawned {
    pid_t pid = -1;
    int pidfd = -1;
    int error = 0;          // errno of the step that failed; 0: the program runs
    const char* step = "";  // what was being done, for people
};

// A process that finds `given_up` set when it begins ends at once. One that failed has ended and is not reaped yet.
[[nodiscard]] Spawned spawn_program(StartRequest& request, const std::atomic<bool>& given_up);

// Reaps what failed, and says why it did.
[[nodiscard]] std::string failure_text(const std::string& program, const Spawned& spawned);

}  // namespace jiro::commands
