// SPDX-License-Identifier: MIT
#include "daemon/process_hardening.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/log.hpp"

namespace jiro::daemon {

namespace {

// gRPC's tracing prints metadata, credentials included, to standard error: it must not be switched on from outside.
void disable_grpc_tracing() {
    for (const char* name : {"GRPC_TRACE", "GRPC_VERBOSITY"}) {
        if (getenv(name) == nullptr) continue;  // NOLINT(concurrency-mt-unsafe): before any thread starts
        unsetenv(name);                         // NOLINT(concurrency-mt-unsafe)
        daemon_log.warn("Ignored a gRPC tracing variable, since its output would hold credentials",
                        {{"variable", name}});
    }
    // Its own lines about a bad server hold what that server sent, unescaped; the reason is in our log anyway.
    setenv("GRPC_VERBOSITY", "NONE", 1);  // NOLINT(concurrency-mt-unsafe)
}

// gRPC asks this one before NO_PROXY: empty, so that base/proxy alone decides.
void hide_no_proxy_from_grpc() {
    setenv("no_grpc_proxy", "", 1);  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace

void harden_process() {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0);
    umask(0077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);  // a write beyond a limit of file sizes fails, as one to a full disk
    disable_grpc_tracing();
    hide_no_proxy_from_grpc();
}

}  // namespace jiro::daemon
