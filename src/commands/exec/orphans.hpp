// SPDX-License-Identifier: MIT
#pragma once
// The processes that ended programs left behind. As this process is a child subreaper, they become its children, even
// those that made a session of their own. Which run they belong to is told by the session, or by JIRO_RUN in their
// environment. Process-wide, as the kernel's list of children is. Any thread.

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>

#include "commands/exec/run_folder.hpp"

namespace jiro::commands::orphans {

// One run of a program, from before its process exists until its end has been looked at: so long no sweep of another
// run touches the program and what it started.
class Run {
  public:
    Run();
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // The value of JIRO_RUN that no other run has.
    [[nodiscard]] const std::string& tag() const noexcept { return tag_; }
    // 0 until the process exists.
    [[nodiscard]] pid_t pid() noexcept { return std::atomic_ref(pid_).load(); }
    // The kernel writes the number here before the process runs (CLONE_PARENT_SETTID).
    [[nodiscard]] pid_t* pid_address() noexcept { return &pid_; }

    // For temporary files. Made and removed on threads of their own, one after the other; null: it has none.
    std::unique_ptr<RunFolder> folder;

  private:
    std::string tag_;
    pid_t pid_ = 0;
};

// Kills what belongs to the run (and to no other run that is still known) but for its program itself, reaps what has
// ended. Returns how many were killed and have not ended yet: their own children arrive here then, so repeat until it
// is zero.
[[nodiscard]] int sweep(Run& run);

}  // namespace jiro::commands::orphans
