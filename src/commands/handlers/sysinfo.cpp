// SPDX-License-Identifier: MIT
// `sysinfo`: this machine in JSON. Each file system is asked for its size, and one on a disk that died never answers:
// outside calls, one a disk, so that the others are told all the same.

#include <mntent.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <vector>

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/load_sampler.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kMaxAskers = 2;
constexpr std::size_t kMaxDiskAskers = 4;  // each may hang at a disk; then the others are not asked
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

struct DiskSize {
    std::uint64_t total = 0;  // 0: it has none to tell
    std::uint64_t available = 0;
};

struct Disk {
    std::string mount;
    std::string device;
    std::string type;
    std::optional<DiskSize> size;  // none: it does not answer
};

// File systems on block devices, each device once, and the root whatever it is on. Network file systems are left out.
std::vector<Disk> mounted_disks() {
    std::vector<Disk> disks;
    const std::unique_ptr<FILE, int (*)(FILE*)> mounts(setmntent("/proc/self/mounts", "re"), endmntent);
    mntent mount{};
    std::array<char, 16384> line{};
    while (mounts && getmntent_r(mounts.get(), &mount, line.data(), static_cast<int>(line.size())) != nullptr) {
        Disk disk{mount.mnt_dir, mount.mnt_fsname, mount.mnt_type, {}};
        if (!disk.device.starts_with("/dev/") && disk.mount != "/") continue;
        if (std::ranges::count(disks, disk.device, &Disk::device) == 0) disks.push_back(std::move(disk));
    }
    return disks;
}

Task<> ask_size(Disk& disk, Clock& clock, Duration patience) {
    static auto& askers = *new OutsideFunctions<DiskSize>("disk", kMaxDiskAskers);
    std::function<DiskSize()> ask = [mount = disk.mount]() -> DiskSize {
        struct statvfs numbers {};
        if (statvfs(mount.c_str(), &numbers) != 0) return {};
        return {numbers.f_blocks * numbers.f_frsize, numbers.f_bavail * numbers.f_frsize};
    };
    auto asking = askers.run(disk.mount, std::move(ask), clock, patience);
    disk.size = co_await std::move(asking);
}

void write_disks(JsonWriter& json, const std::vector<Disk>& disks) {
    json.begin_array();
    for (const auto& disk : disks) {
        if (disk.size && disk.size->total == 0) continue;
        json.begin_object();
        json.member("mount", disk.mount);
        json.member("device", disk.device);
        json.member("type", disk.type);
        json.key("totalBytes");
        disk.size ? json.number(std::to_string(disk.size->total)) : json.null();
        json.key("availableBytes");
        disk.size ? json.number(std::to_string(disk.size->available)) : json.null();
        if (!disk.size) json.member("problem", "does not answer");
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

std::string describe_machine(const std::vector<Disk>& disks) {
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
    write_disks(json, disks);
    json.member("loadAverage", loads());
    json.member("uptimeSeconds", static_cast<std::int64_t>(uptime));
    json.end_object();
    return std::move(json).take();
}

Task<CommandResult> sysinfo(CommandContext& context) {
    static auto& listers = *new OutsideFunctions<std::vector<Disk>>("mounts", kMaxAskers);
    static auto& askers = *new OutsideFunctions<std::string>("sysinfo", kMaxAskers);
    Clock& clock = context.clock();
    const TimePoint deadline = context.deadline();
    const Duration patience = std::min<Duration>((deadline - clock.now()) / 2, kDisksLimit);
    auto listing = listers.run("mounts", mounted_disks, clock, patience);
    auto listed = co_await std::move(listing);
    auto disks = listed ? std::move(*listed) : std::vector<Disk>();
    std::vector<Task<>> asking;
    for (auto& disk : disks) asking.push_back(ask_size(disk, clock, patience));
    auto all_asked = all(std::move(asking));
    co_await std::move(all_asked);
    auto describing = askers.run([disks] { return describe_machine(disks); }, clock, deadline - clock.now());
    auto text = co_await std::move(describing);
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
