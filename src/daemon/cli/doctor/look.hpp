// SPDX-License-Identifier: MIT
#pragma once
// What the doctor looks at may be on a mount that does not answer: a look is left behind then, and the doctor goes on.
// On the main thread only.

#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "jiro/base/outside_calls.hpp"

namespace jiro::daemon::cli {

inline constexpr std::chrono::seconds kLookLimit{2};
inline constexpr const char* kNoAnswer = "does not answer in time";

// Whether one was left behind: no other user can be taken on then, which waits for all threads.
inline bool is_look_under_way = false;

// Nothing: no answer in time, or an earlier look with this key has none yet.
template <typename T>
[[nodiscard]] std::optional<T> look_in_time(const std::string& key, std::function<T()> look,
                                            std::chrono::milliseconds limit = kLookLimit) {
    constexpr std::size_t kMostThreads = 16;
    static auto& looks = *new OutsideFunctions<T>("doctor", kMostThreads);
    auto seen = looks.run_here(key, std::move(look), limit);
    is_look_under_way |= !seen;
    return seen;
}

struct FileLook {
    int error = 0;  // errno; 0: it is there
    struct stat status {};
};
[[nodiscard]] std::optional<FileLook> look_at_file(const std::string& path);

}  // namespace jiro::daemon::cli
