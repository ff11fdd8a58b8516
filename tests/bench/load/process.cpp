// SPDX-License-Identifier: MIT
#include "bench/load/process.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace jiro::bench {

namespace {

// utime and stime, the 14th and 15th field; the second one is the program's name and may hold anything but ends at the
// last parenthesis.
bool read_times(std::ifstream file, ProcessFigures& figures) {
    std::string line;
    if (!std::getline(file, line)) return false;
    std::istringstream rest(line.substr(line.rfind(')') + 1));
    std::string ignored;
    for (int field = 3; field < 14; ++field) rest >> ignored;
    double user = 0;
    double system = 0;
    if (!(rest >> user >> system)) return false;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    figures.user_seconds = user / ticks;
    figures.system_seconds = system / ticks;
    return true;
}

bool read_memory(std::ifstream file, ProcessFigures& figures) {
    std::string name;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        words >> name;
        if (name == "VmHWM:") words >> figures.peak_kb;
        if (name == "VmRSS:") words >> figures.resident_kb;
        if (name == "Threads:") words >> figures.threads;
    }
    return figures.threads > 0;
}

}  // namespace

std::optional<ProcessFigures> read_process(pid_t pid) {
    const std::string folder = "/proc/" + std::to_string(pid);
    ProcessFigures figures;
    if (!read_times(std::ifstream(folder + "/stat"), figures)) return std::nullopt;
    if (!read_memory(std::ifstream(folder + "/status"), figures)) return std::nullopt;
    return figures;
}

}  // namespace jiro::bench
