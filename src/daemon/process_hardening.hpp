// SPDX-License-Identifier: MIT
#pragma once
// What the process does to itself before it reads a secret: no core dump, no ptrace or /proc access by other processes
// of the same user (the commands that it will run among them), no library that prints headers; and a heap that stays
// small. Called by `run` first.

namespace jiro::daemon {

void harden_process();

}  // namespace jiro::daemon
