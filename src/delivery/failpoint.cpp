// SPDX-License-Identifier: MIT
#include "delivery/failpoint.hpp"

#ifdef JIRO_FAILPOINTS

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace jiro::delivery {

namespace {

struct Wanted {
    std::string name;
    long pass = 0;

    Wanted() {
        const char* text = std::getenv("JIRO_FAILPOINT");
        if (text == nullptr) return;
        const std::string_view whole(text);
        const auto colon = whole.rfind(':');
        name = whole.substr(0, colon);
        pass = colon == std::string_view::npos ? 1 : std::strtol(text + colon + 1, nullptr, 10);
    }
};

}  // namespace

void pass_failpoint(const char* name) {
    static const Wanted wanted;
    static std::atomic<long> passes{0};
    if (wanted.name == name && ++passes == wanted.pass) std::raise(SIGKILL);
}

}  // namespace jiro::delivery

#endif
