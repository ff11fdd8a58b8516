// SPDX-License-Identifier: MIT
#pragma once
// A new empty folder on tmpfs that goes away with the object, or none where this machine has no tmpfs to write to.

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include <filesystem>
#include <string>

namespace jiro::test {

class TmpfsDir {
  public:
    TmpfsDir() {
        for (const char* place : {"/dev/shm", "/run", "/tmp"}) {
            struct statfs system {};
            std::string name = std::string(place) + "/jiro-test-XXXXXX";
            if (statfs(place, &system) != 0 || system.f_type != TMPFS_MAGIC || mkdtemp(name.data()) == nullptr)
                continue;
            path_ = name;
            return;
        }
    }
    ~TmpfsDir() {
        std::error_code ignored;
        if (exists()) std::filesystem::remove_all(path_, ignored);
    }
    TmpfsDir(const TmpfsDir&) = delete;
    TmpfsDir& operator=(const TmpfsDir&) = delete;

    [[nodiscard]] bool exists() const noexcept { return !path_.empty(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace jiro::test
