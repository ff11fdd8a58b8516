// SPDX-License-Identifier: MIT
// `sysinfo`: this machine in JSON. Each file system is asked for its size, and one on a disk that died never answers:
// an outside call, without the disks where one of them hangs.

#include <mntent.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/load_sampler.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kMaxAskers = 2;  // one may hang at a disk
constexpr std::chrono::milliseconds kDisksLimit{2000};

// The value of `KEY=value` or `KEY : value` in a file; empty when there is none.
std::string value_in(const char* file, std::string_view key, char separator) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        const auto split = line.find(separator);
        if (split == std::string::npos || trimmed(std::string_view(line).substr(0, split)) != key) continue;
        auto value = trimmed(std::string_view(line).substr(split + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        return std::string(value);
    }
    return {};
}

void write_memory(JsonWriter& json) {
    const auto memory = read_memory();
    json.begin_object();
    json.member("totalBytes", memory.total * 1024);
    json.member("availableBytes", memory.available * 1024);
    json.member("swapTotalBytes", memory.swap_total * 1024);
    json.member("swapFreeBytes", memory.swap_free * 1024);
    json.end_object();
}

// File systems on block devices, each device once, and the root whatever it is on. Network file systems are left out:
// a lost server would hang.
void write_disks(JsonWriter& json) {
    json.begin_array();
    std::set<std::string> seen;
    const std::unique_ptr<FILE, int (*)(FILE*)> mounts(setmntent("/proc/self/mounts", "re"), endmntent);
    mntent mount{};
    std::array<char, 16384> line{};
    while (mounts && getmntent_r(mounts.get(), &mount, line.data(), static_cast<int>(line.size())) != nullptr) {
        const std::string device = mount.mnt_fsname;
        const std::string path = mount.mnt_dir;
        if (!device.starts_with("/dev/") && path != "/") continue;
        if (!seen.insert(device).second) continue;
        struct statvfs numbers {};
        if (statvfs(path.c_str(), &numbers) != 0 || numbers.f_blocks == 0) continue;
        json.begin_object();
        json.member("mount", path);
        json.member("device", device);
        json.member("type", mount.mnt_type);
        json.member("totalBytes", numbers.f_blocks * numbers.f_frsize);
        json.member("availableBytes", numbers.f_bavail * numbers.f_frsize);
        json.end_object();
    }
    json.end_array();
}

std::vector<double> loads() {
    std::ifstream file("/proc/loadavg");
    std::vector<double> means(3);
    for (double& mean : means) file >> mean;
    return means;
}

enum class Disks { asked, unknown };

std::string describe_machine(Disks disks) {
    utsname kernel{};
    uname(&kernel);
    double uptime = 0;
    std::ifstream("/proc/uptime") >> uptime;
    JsonWriter json(JsonWriter::Layout::indented);
    json.begin_object();
    json.member("host", kernel.nodename);
    json.member("os", value_in("/etc/os-release", "PRETTY_NAME", '='));
    json.member("kernel", std::string(kernel.sysname) + ' ' + kernel.release);
    json.member("architecture", kernel.machine);
    json.begin_object("cpus");
    json.member("count", sysconf(_SC_NPROCESSORS_ONLN));
    json.member("model", value_in("/proc/cpuinfo", "model name", ':'));
    json.end_object();
    json.key("memory");
    write_memory(json);
    json.key("disks");
    disks == Disks::asked ? write_disks(json) : json.null();
    json.member("loadAverage", loads());
    json.member("uptimeSeconds", static_cast<std::int64_t>(uptime));
    json.end_object();
    return std::move(json).take();
}

Task<CommandResult> sysinfo(CommandContext& context) {
    static auto& askers = *new OutsideFunctions<std::string>("sysinfo", kMaxAskers);
    Clock& clock = context.clock();
    const TimePoint deadline = context.deadline();
    const Duration patience = std::min<Duration>((deadline - clock.now()) / 2, kDisksLimit);
    auto describing = askers.run(
        "whole", [] { return describe_machine(Disks::asked); }, clock, patience);
    auto text = co_await std::move(describing);
    if (!text) {
        auto describing_rest = askers.run(
            "rest", [] { return describe_machine(Disks::unknown); }, clock, deadline - clock.now());
        text = co_await std::move(describing_rest);
    }
    if (!text) co_return CommandResult::failed("this machine does not tell about itself: /proc does not answer");
    co_return CommandResult::text(std::move(*text), TextType::json);
}

}  // namespace

std::unique_ptr<const CommandHandler> make_sysinfo(const BuiltinServices&) {
    return make_handler({.name = "sysinfo",
                         .summary = "Describes this machine: host, OS, kernel, CPUs, memory, disks, uptime, as JSON",
                         .usage = "sysinfo",
                         .idempotent = true},
                        sysinfo);
}

}  // namespace jiro::commands
