#pragma once
// The system call level of starting a program: what happens between clone and exec. Linux only.

#include <sys/types.h>

#include <string>

#include "commands/exec/child_process.hpp"

namespace jiro::commands {

struct Spawned {
    pid_t pid = -1;
    int pidfd = -1;
    int error = 0;          // errno of the step that failed; 0: the program runs
    const char* step = "";  // what was being done, for people
};

// The three descriptors become standard input, output and error; all others are closed in the program.
[[nodiscard]] Spawned spawn_program(const ChildSpec& spec, int input, int output, int error_output);

}  // namespace jiro::commands
