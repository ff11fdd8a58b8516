#pragma once
// The processes that ended programs left behind. As this process is a child subreaper, they become its children, even
// those that made a session of their own. Which run they belong to is told by the session, or by JIRO_RUN in their
// environment. Process-wide, as the kernel's list of children is. Event loop only.

#include <sys/types.h>

#include <string>

namespace jiro::commands::orphans {

// A value of JIRO_RUN that no other run has.
[[nodiscard]] std::string new_mark();

// The programs that are being waited for; sweep leaves them and theirs alone.
void add_child(pid_t pid, const std::string& mark);
void remove_child(pid_t pid);

// Kills what belongs to the run (and to no run that is still known), reaps what has ended. Returns how many were killed
// and have not ended yet: their own children arrive here then, so repeat until it is zero.
[[nodiscard]] int sweep(const std::string& mark, pid_t session);

}  // namespace jiro::commands::orphans
