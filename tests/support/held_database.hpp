// SPDX-License-Identifier: MIT
#pragma once
// A database that another program reads, as far as locks tell: SQLite's, but not this process's.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "jiro/base/file_descriptor.hpp"

namespace jiro::test {

class HeldDatabase {
  public:
    explicit HeldDatabase(const std::filesystem::path& path) : file_(open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        struct flock lock {};
        lock.l_type = F_RDLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = 0x40000002;
        lock.l_len = 510;
        EXPECT_EQ(fcntl(file_.get(), F_OFD_SETLK, &lock), 0);
    }

  private:
    FileDescriptor file_;
};

}  // namespace jiro::test
