// SPDX-License-Identifier: MIT
#pragma once
// Whether a peer on the control socket is a program of a command, or what became of one: those give no orders. Asked by
// the HTTP session, on the event loop; looks at /proc and never waits.

#include <functional>

namespace jiro::monitor {

// What one look at a process says of it.
struct ProcessLook {
    enum class Kind {
        ours,     // a child of this process
        other,    // has `parent`
        gone,     // ended and reaped
        hidden,   // of this process's user, and shows no parent all the same: not dumpable, another user namespace
        foreign,  // another user's, and shows no parent: ProtectProc=invisible
    };

    Kind kind = Kind::gone;
    int parent = 0;
};
using LookAtProcess = std::function<ProcessLook(int process)>;

enum class Descent {
    ours,    // this process started it, or one that did
    others,  // somebody else did
    hidden,  // it shows nobody: a program that made itself undumpable, or what systemd started with PrivateUsers=
};

// Walks from `process` up to a child of ours. A process that ends during the walk hands its children over to another
// parent, so the walk begins again; one that never comes to its end is taken for ours, and so is one that has gone
// itself or has a hidden parent. A foreign parent is believed to be none of ours.
[[nodiscard]] Descent descent_of(int process, const LookAtProcess& look_at);
[[nodiscard]] Descent descent_of(int process);

}  // namespace jiro::monitor
