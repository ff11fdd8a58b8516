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

void ignore(const char* variable, const char* sentence) {
    if (getenv(variable) == nullptr) return;  // NOLINT(concurrency-mt-unsafe): before any thread starts
    unsetenv(variable);                       // NOLINT(concurrency-mt-unsafe)
    daemon_log.warn(sentence, {{"variable", variable}});
}

// gRPC's tracing prints metadata, credentials included, to standard error: it must not be switched on from outside.
void disable_grpc_tracing() {
    for (const char* name : {"GRPC_TRACE", "GRPC_VERBOSITY"}) {
        ignore(name, "Ignored a gRPC tracing variable, since its output would hold credentials");
    }
    // Its own lines about a bad server hold what that server sent, unescaped; the reason is in our log anyway.
    setenv("GRPC_VERBOSITY", "NONE", 1);  // NOLINT(concurrency-mt-unsafe)
}

// gRPC asks this one before NO_PROXY: empty, so that base/proxy alone decides.
void hide_no_proxy_from_grpc() {
    setenv("no_grpc_proxy", "", 1);  // NOLINT(concurrency-mt-unsafe)
}

// gRPC would trust others for the results than the hub's connection does: base/tls_files alone decides.
void disable_grpc_roots() {
    for (const char* name :
         {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "GRPC_SYSTEM_SSL_ROOTS_DIR", "GRPC_NOT_USE_SYSTEM_SSL_ROOTS"}) {
        ignore(name,
               "Ignored a gRPC variable of authorities to trust, which would hold for the results only; use "
               "SSL_CERT_FILE, SSL_CERT_DIR or the keys CaFile");
    }
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
    disable_grpc_roots();
    hide_no_proxy_from_grpc();
}

}  // namespace jiro::daemon
