// SPDX-License-Identifier: MIT
#pragma once
// Crash points for the chaos tests: with JIRO_FAILPOINTS defined (tests/chaos does) and the environment variable
// JIRO_FAILPOINT=name:N set, the process kills itself (SIGKILL) when it passes the point `name` for the N-th time.
// Compiles to nothing otherwise. The names are those of the crash table in docs/delivery.md.

#ifdef JIRO_FAILPOINTS
namespace jiro::delivery {
void pass_failpoint(const char* name);
}
#define JIRO_FAILPOINT(name) ::jiro::delivery::pass_failpoint(name)
#else
#define JIRO_FAILPOINT(name) static_cast<void>(0)
#endif
