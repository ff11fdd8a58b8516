// SPDX-License-Identifier: MIT
#include "monitor/descent.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace jiro::monitor {

namespace {

using Kind = ProcessLook::Kind;

// Programs that fork and end all the time could keep the walk from its end for good.
constexpr int kMostWalks = 8;

// 0: it has none that this process can see, or it is just being reaped. Nothing: it hides, or has gone.
std::optional<int> parent_of(int process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string text;
    std::getline(file, text);
    const auto name_end = text.rfind(')');  // the name may hold anything
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(text.substr(name_end + 1));
    char state = 0;
    int parent = 0;
    return rest >> state >> parent ? std::optional(parent) : std::nullopt;
}

// What hides although it is our own user's made itself undumpable, or is in another user namespace. `jiro-client
// bundle` is undumpable too, in the session of whoever started it.
bool hides_from_its_own_user(int process) {
    if (kill(process, 0) != 0) return false;
    const pid_t session = getsid(process);
    const bool is_anothers = session > 0 && kill(session, 0) != 0 && errno == EPERM;
    return !is_anothers;
}

ProcessLook look_at_process(int process) {
    siginfo_t info{};
    // Says it of a child that hides, too.
    if (waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0) return {Kind::ours};
    const auto parent = parent_of(process);
    if (parent == getpid()) return {Kind::ours};  // since that question
    if (parent.value_or(0) > 0) return {Kind::other, *parent};
    if (kill(process, 0) != 0 && errno == ESRCH) return {Kind::gone};
    return {!parent && hides_from_its_own_user(process) ? Kind::hidden : Kind::foreign};
}

}  // namespace

Descent descent_of(int process, const LookAtProcess& look_at) {
    for (int walk = 0; walk < kMostWalks; ++walk) {
        auto look = look_at(process);
        if (look.kind == Kind::gone) return Descent::ours;
        if (look.kind == Kind::hidden) return Descent::hidden;
        while (look.kind == Kind::other && look.parent > 1) look = look_at(look.parent);
        if (look.kind == Kind::ours || look.kind == Kind::hidden) return Descent::ours;
        if (look.kind != Kind::gone) return Descent::others;
    }
    return Descent::ours;
}

// The kernel says 0 of a process outside this one's namespace, where nothing that it started can be.
Descent descent_of(int process) {
    return process > 0 && process != getpid() ? descent_of(process, look_at_process) : Descent::others;
}

}  // namespace jiro::monitor
