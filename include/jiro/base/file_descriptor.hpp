// SPDX-License-Identifier: MIT
#pragma once
// An open descriptor with one owner, who closes it.

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace jiro {

class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int number) noexcept : number_(number) {}
    FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~FileDescriptor() {
        if (number_ >= 0) close(number_);
    }

    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }
    // Another one for the same; none when there is none, or no room.
    [[nodiscard]] FileDescriptor duplicate() const noexcept {
        return FileDescriptor(fcntl(number_, F_DUPFD_CLOEXEC, 3));
    }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

  private:
    int number_ = -1;
};

}  // namespace jiro
