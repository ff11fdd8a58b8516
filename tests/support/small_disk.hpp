// SPDX-License-Identifier: MIT
#pragma once
// A small file system of its own at a folder, to be filled: a tmpfs, where this process may mount one.

#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace jiro::test {

class SmallDisk {
  public:
    // `options` as of mount(8): "size=1m".
    SmallDisk(std::filesystem::path folder, const std::string& options) : folder_(std::move(folder)) {
        std::filesystem::create_directories(folder_);
        is_there_ = mount("tmpfs", folder_.c_str(), "tmpfs", 0, (options + ",mode=0700").c_str()) == 0;
    }
    ~SmallDisk() {
        if (is_there_) umount2(folder_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    [[nodiscard]] bool is_there() const noexcept { return is_there_; }

    // To the last block, with a file that free() removes.
    void fill() const {
        std::ofstream file(filler(), std::ios::binary);
        for (const std::size_t piece : {std::size_t{64 * 1024}, std::size_t{4096}, std::size_t{1}}) {
            file.clear();
            while (file.good()) file << std::string(piece, 'x') << std::flush;
        }
    }
    void free() const { std::filesystem::remove(filler()); }

  private:
    [[nodiscard]] std::filesystem::path filler() const { return folder_ / "filler"; }

    std::filesystem::path folder_;
    bool is_there_ = false;
};

}  // namespace jiro::test
