// SPDX-License-Identifier: MIT
#include "daemon/cli/cli.hpp"
#include "jiro/base/outside_calls.hpp"

// jemalloc's settings, under the name that it looks for. One arena: the event loop allocates nearly all, the other
// threads seldom at the same moment. Freed pages are kept for a second for whoever needs as many, then given back.
extern "C" {
const char* malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0";
}

int main(int argc, char** argv) { jiro::leave_process(jiro::daemon::cli::main(argc, argv)); }
