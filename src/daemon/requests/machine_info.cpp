// SPDX-License-Identifier: MIT
// MachineInfoRequested: this machine in figures, under the names that the contract's own client uses. Reads files of
// /proc, which come from memory.

#include <unistd.h>

#include "daemon/requests/targets.hpp"
#include "jiro/base/resident_bytes.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

// Over the last interval; the very first sample is the mean since the machine started, so another one is taken.
double cpu_percent(commands::LoadSampler& load) {
    if (load.samples().size() < 2) load.take_sample();
    return load.samples().back().cpu_percent;
}

json metadata(commands::LoadSampler& load, const Identity& identity) {
    const auto memory = commands::read_memory();
    const auto mebibytes = [](std::uint64_t kibibytes) { return static_cast<double>(kibibytes) / 1024; };
    const double total = mebibytes(memory.total);
    const double used = total - mebibytes(memory.available);
    const double percent = total > 0 ? 100 * used / total : 0;
    const char* is_64_bit = sizeof(void*) == 8 ? "True" : "False";
    return {{"OS", identity.system},
            {"Platform", "Unix"},
            {"ProcessorCount", std::to_string(sysconf(_SC_NPROCESSORS_ONLN))},
            {"RuntimeVersion", identity.version},
            {"WorkingSet", std::to_string(resident_bytes())},
            {"UserName", to_utf8(identity.user)},
            {"UserDomainName", to_utf8(identity.host)},
            {"Is64BitOS", is_64_bit},
            {"Is64BitProcess", is_64_bit},
            {"CpuUsagePercent", decimal(cpu_percent(load), 2)},
            {"AvailableMemoryMB", decimal(total - used, 2)},
            {"UsedMemoryMB", decimal(used, 2)},
            {"MemoryUsagePercent", decimal(percent, 2)},
            {"TotalMemoryMB", decimal(total, 2)}};
}

json machine_answer(const Request& request, commands::LoadSampler& load, const Identity& identity) {
    request.members.expect_object("Filters");
    return {{"MachineId", to_utf8(identity.host)},
            {"Name", to_utf8(identity.host)},
            {"Description", "jiro-client " + identity.version + " on " + identity.system},
            {"Status", "Active"},
            {"Metadata", metadata(load, identity)},
            {"RequestId", request.id}};
}

json refuse_machine(const Request& request, const std::string& why) {
    return {{"MachineId", ""},
            {"Name", ""},
            {"Description", why},
            {"Status", "Unavailable"},
            {"Metadata", json::object()},
            {"RequestId", request.id},
            {"Note", why}};
}

}  // namespace

RequestTargets machine_targets(commands::LoadSampler& load, Identity identity) {
    const auto answer = [&load, identity = std::move(identity)](Request request) -> Task<Result<json>> {
        return answer_now(machine_answer(request, load, identity));
    };
    return {{"MachineInfoRequested", config::RequestKind::machine, answer, refuse_machine}};
}

}  // namespace jiro::daemon
