#include "commands/exec/orphans.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace jiro::commands::orphans {

namespace {

std::map<pid_t, std::string>& running() {
    static std::map<pid_t, std::string> children;
    return children;
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
std::string mark_of(pid_t pid) {
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

bool is_of_another_run(pid_t session, const std::string& mark) {
    for (const auto& [pid, known] : running()) {
        if (pid == session || known == mark) return true;
    }
    return false;
}

}  // namespace

std::string new_mark() {
    static std::uint64_t count = 0;
    return std::to_string(getpid()) + '-' + std::to_string(++count);
}

void add_child(pid_t pid, const std::string& mark) { running()[pid] = mark; }

void remove_child(pid_t pid) { running().erase(pid); }

int sweep(const std::string& mark, pid_t session) {
    int killed = 0;
    for (const pid_t pid : direct_children()) {
        if (running().contains(pid)) continue;
        if (waitpid(pid, nullptr, WNOHANG) == pid) continue;
        const pid_t its_session = getsid(pid);
        const std::string its_mark = mark_of(pid);
        const bool ours = its_session == session || its_mark == mark;
        // One that removed all traces is left while another run might own it.
        const bool nobodys = its_mark.empty() ? running().size() <= 1 : true;
        if (!ours && (is_of_another_run(its_session, its_mark) || !nobodys)) continue;
        if (kill(pid, SIGKILL) == 0) ++killed;
    }
    return killed;
}

}  // namespace jiro::commands::orphans
