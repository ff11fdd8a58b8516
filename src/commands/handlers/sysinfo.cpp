// `sysinfo`: this machine in JSON. Reads files and asks file systems, so it works on a worker thread.

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "commands/handlers/builtin_commands.hpp"
#include "commands/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

namespace {

using Json = nlohmann::ordered_json;

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

Json memory() {
    std::ifstream lines("/proc/meminfo");
    Json result = Json::object();
    std::string label;
    std::string rest;
    for (std::uint64_t kibibytes = 0; lines >> label >> kibibytes;) {
        std::getline(lines, rest);
        if (label == "MemTotal:") result["totalBytes"] = kibibytes * 1024;
        if (label == "MemAvailable:") result["availableBytes"] = kibibytes * 1024;
        if (label == "SwapTotal:") result["swapTotalBytes"] = kibibytes * 1024;
        if (label == "SwapFree:") result["swapFreeBytes"] = kibibytes * 1024;
    }
    return result;
}

// File systems on block devices, each device once, and the root whatever it is on. Network file systems are left out: a
// lost server would hold the worker.
Json disks() {
    Json result = Json::array();
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
        result.push_back({{"mount", to_utf8(path)},
                          {"device", to_utf8(device)},
                          {"type", to_utf8(type)},
                          {"totalBytes", numbers.f_blocks * numbers.f_frsize},
                          {"availableBytes", numbers.f_bavail * numbers.f_frsize}});
    }
    return result;
}

Json loads() {
    std::ifstream file("/proc/loadavg");
    double one = 0;
    double five = 0;
    double fifteen = 0;
    file >> one >> five >> fifteen;
    return Json::array({one, five, fifteen});
}

std::string describe_machine() {
    utsname kernel{};
    uname(&kernel);
    double uptime = 0;
    std::ifstream("/proc/uptime") >> uptime;
    const Json info{
        {"host", to_utf8(std::string_view(kernel.nodename))},
        {"os", to_utf8(value_in("/etc/os-release", "PRETTY_NAME", '='))},
        {"kernel", std::string(kernel.sysname) + ' ' + kernel.release},
        {"architecture", kernel.machine},
        {"cpus", {{"count", sysconf(_SC_NPROCESSORS_ONLN)}, {"model", value_in("/proc/cpuinfo", "model name", ':')}}},
        {"memory", memory()},
        {"disks", disks()},
        {"loadAverage", loads()},
        {"uptimeSeconds", static_cast<std::int64_t>(uptime)}};
    return info.dump(2, ' ', false, Json::error_handler_t::replace);
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
