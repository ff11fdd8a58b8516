// SPDX-License-Identifier: MIT
#include "commands/exec/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>

#include "commands/exec/starter.hpp"

// clone() by the name that ThreadSanitizer leaves alone: what it puts around clone() is for a child with memory of its
// own, and makes the parent's thread deaf to every lock from then on.
extern "C" int __clone(int (*run)(void*), void* stack, int flags, void* argument, ...) noexcept;

namespace jiro::commands {

namespace {

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr int kNiceness = 5;  // a busy program must not hold up the hub's pings

struct Limit {
    __rlimit_resource resource;
    rlimit value;
};

// All that the child needs, prepared by the parent: between clone and exec only system calls may be made.
struct Plan {
    char* const* argv;
    char* const* environment;
    const char* working_directory;
    std::array<int, 3> descriptors;
    std::array<Limit, 6> limits;
    std::size_t limit_count;
    pid_t parent;
    const std::atomic<bool>* given_up;
    // Written by the child into the memory that both share.
    volatile int error = 0;
    const char* volatile step = "";
};

#define JIRO_NO_SANITIZE __attribute__((no_sanitize("address", "undefined", "thread")))

JIRO_NO_SANITIZE int fail(Plan& plan, const char* step) {
    plan.error = errno;
    plan.step = step;
    for (;;) syscall(SYS_exit_group, 127);
}

// What the kernel calls sigaction: all zero is SIG_DFL.
struct KernelSigaction {
    unsigned long words[4];
};

// Runs in the child, on the parent's memory and a stack of its own, while the parent's thread stands still. Bare system
// calls throughout: libc's functions, and what sanitizers put in their place, keep notes in that memory.
JIRO_NO_SANITIZE int become_program(void* argument) {
    Plan& plan = *static_cast<Plan*>(argument);
    if (__atomic_load_n(reinterpret_cast<const bool*>(plan.given_up), __ATOMIC_SEQ_CST)) {
        errno = ECANCELED;
        return fail(plan, "given up");
    }
    const KernelSigaction by_default{};
    const unsigned long no_signals = 0;
    for (int signal = 1; signal <= 64; ++signal) {  // SIGKILL and SIGSTOP refuse: they are fine as they are
        syscall(SYS_rt_sigaction, signal, &by_default, nullptr, sizeof no_signals);
    }
    if (syscall(SYS_setsid) < 0) return fail(plan, "cannot make a session");
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail(plan, "cannot tie it to this process");
    if (syscall(SYS_getppid) != plan.parent) return fail(plan, "this process has gone");
    for (int target = 0; target < 3; ++target) {
        if (syscall(SYS_dup3, plan.descriptors[static_cast<std::size_t>(target)], target, 0) < 0) {
            return fail(plan, "cannot pass its descriptors");
        }
    }
    // All others are CLOEXEC already, but for those of libraries that forgot.
    if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0) {
        for (int descriptor = 3; descriptor < 65536; ++descriptor) syscall(SYS_close, descriptor);
    }
    syscall(SYS_umask, 077);
    syscall(SYS_setpriority, PRIO_PROCESS, 0, kNiceness);
    if (syscall(SYS_chdir, plan.working_directory) != 0) return fail(plan, "cannot enter its working directory");
    for (std::size_t i = 0; i < plan.limit_count; ++i) {
        const auto& limit = plan.limits[i];
        if (syscall(SYS_prlimit64, 0, limit.resource, &limit.value, nullptr) != 0)
            return fail(plan, "cannot set its limits");
    }
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof no_signals);
    syscall(SYS_execve, plan.argv[0], plan.argv, plan.environment);
    return fail(plan, "cannot execute it");
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (auto& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

void add_limits(Plan& plan, const ExecLimits& limits) {
    const auto add = [&plan](__rlimit_resource resource, rlim_t soft, rlim_t hard) {
        plan.limits[plan.limit_count++] = {resource, {soft, hard}};
    };
    add(RLIMIT_CORE, 0, 0);
    // SIGXCPU at the soft limit, SIGKILL two seconds later.
    if (limits.cpu) {
        const auto seconds = static_cast<rlim_t>(limits.cpu->count());
        add(RLIMIT_CPU, seconds, seconds + 2);
    }
    if (limits.memory_bytes) add(RLIMIT_AS, *limits.memory_bytes, *limits.memory_bytes);
    if (limits.open_files) add(RLIMIT_NOFILE, *limits.open_files, *limits.open_files);
    if (limits.processes) add(RLIMIT_NPROC, *limits.processes, *limits.processes);
    if (limits.file_bytes) add(RLIMIT_FSIZE, *limits.file_bytes, *limits.file_bytes);
}

// When memory is short the kernel shall take the program before the daemon. Not the child's to say: while it has the
// memory of a daemon that is not dumpable, its files in /proc belong to root.
void prefer_for_oom_kill(pid_t pid) {
    const auto path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
    const FileDescriptor score(open(path.c_str(), O_WRONLY | O_CLOEXEC));  // none: it has ended already
    static_cast<void>(!write(score.get(), "500", 3));
}

// The number is still the program's: nobody has reaped it.
void watch(Spawned& spawned) {
    spawned.pidfd = static_cast<int>(syscall(SYS_pidfd_open, spawned.pid, 0U));
    if (spawned.pidfd >= 0) return prefer_for_oom_kill(spawned.pid);
    spawned.error = errno;
    spawned.step = "cannot watch it";
    kill(spawned.pid, SIGKILL);
}

}  // namespace

Spawned spawn_program(StartRequest& request, const std::atomic<bool>& given_up) {
    const ChildSpec& spec = request.spec;
    auto arguments = spec.argv;
    // The run's tag goes first: mostly it is found soon.
    std::vector<std::string> variables{std::string(kRunVariable) + '=' + request.run->tag()};
    for (const auto& [name, value] : spec.environment) variables.push_back(name + '=' + value);
    const auto argv = pointers(arguments);
    const auto environment = pointers(variables);
    Plan plan{.argv = argv.data(),
              .environment = environment.data(),
              .working_directory = spec.working_directory.c_str(),
              .descriptors = {},
              .limits = {},
              .limit_count = 0,
              .parent = getpid(),
              .given_up = &given_up};
    for (std::size_t i = 0; i < plan.descriptors.size(); ++i) plan.descriptors[i] = request.descriptors[i].get();
    add_limits(plan, spec.limits);

    Spawned spawned;
    const auto stack = std::make_unique_for_overwrite<char[]>(kStackBytes);
    char* const top = stack.get() + (kStackBytes - reinterpret_cast<std::uintptr_t>(stack.get()) % 16);
    // No handler of ours can run in the child while it shares our memory: a starter has all signals blocked.
    spawned.pid = __clone(become_program, top - 64, CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, &plan,
                          request.run->pid_address());
    spawned.error = spawned.pid < 0 ? errno : plan.error;
    spawned.step = spawned.pid < 0 ? "cannot make a process" : plan.step;
    if (spawned.error == 0) watch(spawned);
    return spawned;
}

std::string failure_text(const std::string& program, const Spawned& spawned) {
    if (spawned.pid > 0) waitpid(spawned.pid, nullptr, 0);  // it has called _exit already
    std::string reason = std::strerror(spawned.error);
    struct stat status {};
    const bool exists = stat(program.c_str(), &status) == 0;
    if (spawned.error == ENOENT && exists && std::strcmp(spawned.step, "cannot execute it") == 0)
        reason = "the interpreter that it names is missing";
    if (spawned.error == EACCES && exists && S_ISDIR(status.st_mode)) reason = "it is a directory";
    if (spawned.error == ENOEXEC) reason = "it is no program, and has no #! line that names an interpreter";
    if (spawned.error == E2BIG) reason = "its arguments are too long for the system";
    return std::string(spawned.step) + ": " + reason;
}

}  // namespace jiro::commands
