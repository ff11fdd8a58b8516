// SPDX-License-Identifier: MIT
#pragma once
// What wakes the storage thread: another thread's word, or the kernel's that one of its files was removed, moved,
// replaced or emptied, or a folder above it moved (inotify). So it need not look for that each second of an idle day.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <vector>

#include "jiro/base/file_descriptor.hpp"

namespace jiro::delivery {

class Alarm {
  public:
    explicit Alarm(std::vector<std::filesystem::path> files);

    // Any thread, after it has changed what the storage thread looks at when it is awake.
    void ring() noexcept;

    // The storage thread. Until somebody rings or a file changes, or a signal for nothing; not longer.
    void sleep(std::chrono::nanoseconds longest) noexcept;
    // Before they are looked at, the files as they are now.
    void watch();
    // They may not be what they were when they were looked at: others were watched before, or the kernel says it, or it
    // does not say such things.
    [[nodiscard]] bool has_noticed() const noexcept { return has_noticed_; }

  private:
    void watch(const std::filesystem::path& path, unsigned events);

    const std::vector<std::filesystem::path> files_;
    const std::set<std::filesystem::path> folders_;
    const FileDescriptor bell_;
    const FileDescriptor watch_;
    std::atomic<bool> is_rung_{false};
    std::vector<int> watched_;  // the kernel's number for each of them
    bool has_noticed_ = true;
};

}  // namespace jiro::delivery
