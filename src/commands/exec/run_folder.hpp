// SPDX-License-Identifier: MIT
#pragma once
// A run's own folder for temporary files, its TMPDIR: 0700, made before the program and removed after it. While it is
// in use its maker holds a lock on it, so that what a killed process left behind can be told from what is in use, also
// by other processes. Everything here blocks: for threads that nobody waits for.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "jiro/base/file_descriptor.hpp"

namespace jiro::commands {

class RunFolder {
  public:
    static constexpr const char* kPrefix = "jiro-run-";

    // In `base`. Null: errno says why.
    [[nodiscard]] static std::unique_ptr<RunFolder> make(const std::filesystem::path& base);
    // What is still there is left for remove_left_folders().
    ~RunFolder() = default;
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    // With everything in it: no link is followed, no other file system is entered, however deep it is and whatever
    // modes its folders have. Gives up after kRemoveLimit. True: it is gone.
    bool remove();

  private:
    RunFolder(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}

    std::string path_;
    FileDescriptor lock_;  // the folder, open
};

// On a thread that nobody waits for: of a run that was given up just when its program had started. Does not block.
void remove_in_background(std::unique_ptr<RunFolder> folder) noexcept;

// Where such folders are made: $TMPDIR, else /tmp.
[[nodiscard]] std::filesystem::path run_folder_base();

// Removes those of this user in `base` that no process holds. Gives their number.
std::size_t remove_left_folders(const std::filesystem::path& base);

}  // namespace jiro::commands
