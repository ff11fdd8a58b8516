// SPDX-License-Identifier: MIT
#include "commands/exec/orphans.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

namespace jiro::commands::orphans {

namespace {

// Never destroyed: a starter may look while the process ends.
struct Runs {
    std::mutex mutex;
    std::set<Run*> known;
};

Runs& runs() {
    static auto& all = *new Runs;
    return all;
}

// Our direct children, of all our threads. Reading these files is far cheaper than walking /proc.
std::vector<pid_t> direct_children() {
    std::vector<pid_t> children;
    const std::unique_ptr<DIR, int (*)(DIR*)> threads(opendir("/proc/self/task"), closedir);
    if (!threads) return children;
    while (const dirent* entry = readdir(threads.get())) {
        if (entry->d_name[0] == '.') continue;
        std::ifstream list(std::string("/proc/self/task/") + entry->d_name + "/children");
        for (pid_t pid = 0; list >> pid;) children.push_back(pid);
    }
    return children;
}

// The run that started it; empty when it cannot be read or was removed. The variable is the environment's first.
std::string tag_of(pid_t pid) {
    const int file = open(("/proc/" + std::to_string(pid) + "/environ").c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return {};
    char buffer[4096];
    const auto length = read(file, buffer, sizeof buffer);
    close(file);
    std::string_view rest(buffer, length > 0 ? static_cast<std::size_t>(length) : 0);
    static constexpr std::string_view kName = "JIRO_RUN=";
    while (!rest.empty()) {
        const auto entry = rest.substr(0, rest.find('\0'));
        if (entry.starts_with(kName)) return std::string(entry.substr(kName.size()));
        rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    }
    return {};
}

bool is_a_program(pid_t pid) {
    const std::lock_guard lock(runs().mutex);
    return std::ranges::any_of(runs().known, [&](Run* run) { return run->pid() == pid; });
}

bool is_of_a_known_run(pid_t session, const std::string& tag) {
    const std::lock_guard lock(runs().mutex);
    // A child without a tag, in a session of its own, is killed only when no other run is alive: it might be theirs.
    if (tag.empty() && runs().known.size() > 1) return true;
    return std::ranges::any_of(runs().known, [&](Run* run) { return run->pid() == session || run->tag() == tag; });
}

}  // namespace

Run::Run() {
    static std::atomic<std::uint64_t> count = 0;
    tag_ = std::to_string(getpid()) + '-' + std::to_string(++count);
    const std::lock_guard lock(runs().mutex);
    runs().known.insert(this);
}

Run::~Run() {
    if (folder) remove_in_background(std::move(folder));
    const std::lock_guard lock(runs().mutex);
    runs().known.erase(this);
}

int sweep(Run& run) {
    int killed = 0;
    const pid_t own_session = getsid(0);
    for (const pid_t pid : direct_children()) {
        // In our session there are only processes that have not begun to become a program. Asked first: one that has
        // left it is known by its number from before that.
        const pid_t session = getsid(pid);
        if (session == own_session || is_a_program(pid)) continue;
        if (waitpid(pid, nullptr, WNOHANG) == pid) continue;
        const std::string tag = tag_of(pid);
        const bool ours = session == run.pid() || tag == run.tag();
        if (!ours && is_of_a_known_run(session, tag)) continue;
        if (kill(pid, SIGKILL) == 0) ++killed;
    }
    return killed;
}

}  // namespace jiro::commands::orphans
