// SPDX-License-Identifier: MIT
#pragma once
// Whether a peer on the control socket is a program of a command, or what became of one: those give no orders. Asked by
// the HTTP session, on the event loop; looks at /proc and never waits.

#include <functional>

namespace jiro::monitor {

// What one look at a process says of it.
struct ProcessLook {
    enum class Kind {
        ours,    // a child of this process; or of its user, and makes a secret of its parent
        other,   // has `parent`
        gone,    // ended and reaped
        hidden,  // lives, and shows no parent: ProtectProc=invisible, another user namespace
    };

    Kind kind = Kind::gone;
    int parent = 0;
};
using LookAtProcess = std::function<ProcessLook(int process)>;

// Walks from `process` up to a child of ours. A process that ends during the walk hands its children over to another
// parent, so the walk begins again; one that never comes to its end is taken for a program's. True for one that has
// gone itself. A parent that hides is believed to be none of ours: it is another user's.
[[nodiscard]] bool descends_from_us(int process, const LookAtProcess& look_at);

// Whether this process started that one, or one that did.
[[nodiscard]] bool is_descendant(int process);

}  // namespace jiro::monitor
