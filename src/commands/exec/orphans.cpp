// SPDX-License-Identifier: MIT
#include "commands/exec/orphans.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands::orphans {

namespace {

// Never destroyed: a starter may look while the process ends.
struct Runs {
    std::mutex mutex;
    std::set<Run*> known;
    std::atomic<std::uint64_t> count = 0;  // of all that there were
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

// More than the kernel gives a program.
constexpr std::size_t kMostEnvironment = std::size_t{8} * 1024 * 1024;

std::string environment_of(pid_t pid) {
    std::string text;
    const FileDescriptor file(open(("/proc/" + std::to_string(pid) + "/environ").c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4096> buffer{};
    for (ssize_t length = 1; length > 0 && text.size() < kMostEnvironment;) {
        length = read(file.get(), buffer.data(), buffer.size());
        if (length > 0) text.append(buffer.data(), static_cast<std::size_t>(length));
    }
    return text;
}

std::string own_prefix() { return std::to_string(getpid()) + '-'; }

bool is_of_a_run_of_ours(std::string_view tag) {
    const auto prefix = own_prefix();
    if (!tag.starts_with(prefix)) return false;
    const auto number = parse_number<std::uint64_t>(tag.substr(prefix.size()));
    return number && *number <= runs().count;
}

// The run that started it, one of this process that is under way or has ended; empty when that cannot be read or was
// removed. The variable is first in what we gave the program; a shell passes it on at any place. Without the NUL at its
// end it might be the beginning of another one.
std::string tag_of(pid_t pid) {
    const auto environment = environment_of(pid);
    const auto name = std::string(kRunVariable) + '=';
    std::string_view rest = environment;
    for (auto end = rest.find('\0'); end != std::string_view::npos; end = rest.find('\0')) {
        const auto entry = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        if (!entry.starts_with(name)) continue;
        const auto tag = entry.substr(name.size());
        return is_of_a_run_of_ours(tag) ? std::string(tag) : std::string();
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
    tag_ = own_prefix() + std::to_string(++runs().count);
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
