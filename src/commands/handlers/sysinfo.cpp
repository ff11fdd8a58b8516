// SPDX-License-Identifier: MIT
// `sysinfo`: this machine in JSON. Reads files and asks file systems, so it works on a worker thread.

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "commands/handlers/builtin_commands.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"

namespace jiro::commands {

namespace {

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
    std::ifstream lines("/proc/meminfo");
    json.begin_object();
    std::string label;
    std::string rest;
    for (std::uint64_t kibibytes = 0; lines >> label >> kibibytes;) {
        std::getline(lines, rest);
        if (label == "MemTotal:") json.member("totalBytes", kibibytes * 1024);
        if (label == "MemAvailable:") json.member("availableBytes", kibibytes * 1024);
        if (label == "SwapTotal:") json.member("swapTotalBytes", kibibytes * 1024);
        if (label == "SwapFree:") json.member("swapFreeBytes", kibibytes * 1024);
    }
    json.end_object();
}

// File systems on block devices, each device once, and the root whatever it is on. Network file systems are left out: a
// lost server would hold the worker.
void write_disks(JsonWriter& json) {
    json.begin_array();
    std::set<std::string> seen;
    std::ifstream mounts("/proc/self/mounts");
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream columns(line);
        std::string device;
        std::string path;
        std::string type;
        columns >> device >> path >> type;
        if (!device.starts_with("/dev/") && path != "/") continue;
        if (!seen.insert(device).second) continue;
        struct statvfs numbers {};
        if (statvfs(path.c_str(), &numbers) != 0 || numbers.f_blocks == 0) continue;
        json.begin_object();
        json.member("mount", path);
        json.member("device", device);
        json.member("type", type);
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

std::string describe_machine() {
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
    json.key("cpus");
    json.begin_object();
    json.member("count", sysconf(_SC_NPROCESSORS_ONLN));
    json.member("model", value_in("/proc/cpuinfo", "model name", ':'));
    json.end_object();
    json.key("memory");
    write_memory(json);
    json.key("disks");
    write_disks(json);
    json.member("loadAverage", loads());
    json.member("uptimeSeconds", static_cast<std::int64_t>(uptime));
    json.end_object();
    return std::move(json).take();
}

class SysInfo final : public CommandHandler {
  public:
    SysInfo()
        : CommandHandler({.name = "sysinfo",
                          .summary = "Describes this machine: host, OS, kernel, CPUs, memory, disks, uptime, as JSON",
                          .usage = "sysinfo",
                          .idempotent = true}) {}

    Task<CommandResult> run(CommandContext& context) const override {
        auto text = co_await context.run_on_worker(describe_machine);
        co_return CommandResult::text(std::move(text), TextType::json);
    }
};

}  // namespace

std::unique_ptr<const CommandHandler> make_sysinfo(const BuiltinServices&) { return std::make_unique<SysInfo>(); }

}  // namespace jiro::commands
