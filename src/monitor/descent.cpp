// SPDX-License-Identifier: MIT
#include "monitor/descent.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>

namespace jiro::monitor {

namespace {

using Kind = ProcessLook::Kind;

// Programs that fork and end all the time could keep the walk from its end for good.
constexpr int kMostWalks = 8;

// 0: it has none that this process can see, it hides, or it is just being reaped.
int parent_of(int process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string text;
    std::getline(file, text);
    const auto name_end = text.rfind(')');  // the name may hold anything
    if (name_end == std::string::npos) return 0;
    std::istringstream rest(text.substr(name_end + 1));
    char state = 0;
    int parent = 0;
    return rest >> state >> parent ? parent : 0;
}

ProcessLook look_at_process(int process) {
    siginfo_t info{};
    // Says it of a child that hides, too.
    if (waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0) return {Kind::ours};
    const int parent = parent_of(process);
    if (parent == getpid()) return {Kind::ours};  // since that question
    if (parent > 0) return {Kind::other, parent};
    const bool is_gone = kill(process, 0) != 0 && errno == ESRCH;
    return {is_gone ? Kind::gone : Kind::hidden};
}

}  // namespace

bool descends_from_us(int process, const LookAtProcess& look_at) {
    for (int walk = 0; walk < kMostWalks; ++walk) {
        auto look = look_at(process);
        if (look.kind == Kind::gone) return true;
        while (look.kind == Kind::other && look.parent > 1) look = look_at(look.parent);
        if (look.kind != Kind::gone) return look.kind == Kind::ours;
    }
    return true;
}

bool is_descendant(int process) { return process != getpid() && descends_from_us(process, look_at_process); }

}  // namespace jiro::monitor
