// SPDX-License-Identifier: MIT
#include "daemon/container_init.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace jiro::daemon {

namespace {

// Its exit code, when the daemon was among those that had ended.
std::optional<int> reap(pid_t daemon) {
    std::optional<int> code;
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == daemon) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return code;
}

}  // namespace

std::optional<int> serve_as_init() {
    if (getpid() != 1) return std::nullopt;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t daemon = fork();
    if (daemon <= 0) {  // the daemon, or no process could be made: then the daemon is this one
        sigprocmask(SIG_SETMASK, &before, nullptr);
        return std::nullopt;
    }
    for (;;) {
        int signal = 0;
        if (sigwait(&all, &signal) != 0) continue;
        if (signal != SIGCHLD) {
            kill(daemon, signal);
        } else if (const auto code = reap(daemon)) {
            return code;
        }
    }
}

}  // namespace jiro::daemon
