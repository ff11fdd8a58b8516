// SPDX-License-Identifier: MIT
#include "jiro/base/resident_bytes.hpp"

#include <unistd.h>

#include <fstream>

namespace jiro {

std::uint64_t resident_bytes() {
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace jiro
