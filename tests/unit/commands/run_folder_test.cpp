// SPDX-License-Identifier: MIT
#include "commands/exec/run_folder.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"

namespace jiro::commands {
namespace {

namespace fs = std::filesystem;

class RunFolderTest : public ::testing::Test {
  protected:
    std::unique_ptr<RunFolder> make() {
        auto folder = RunFolder::make(base());
        EXPECT_NE(folder, nullptr);
        return folder;
    }
    [[nodiscard]] fs::path base() const { return dir_.path() / "base"; }
    [[nodiscard]] fs::path elsewhere() const { return dir_.path() / "elsewhere"; }
    static void write(const fs::path& file) { std::ofstream(file) << "x"; }

    RunFolderTest() {
        fs::create_directory(base());
        fs::create_directory(elsewhere());
        write(elsewhere() / "kept");
    }

    jiro::test::TempDir dir_;
};

TEST_F(RunFolderTest, is_for_its_user_alone_and_goes_with_all_that_is_in_it) {
    const auto folder = make();
    const fs::path path = folder->path();
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    write(path / "file");
    fs::create_directories(path / "a" / "b");
    write(path / "a" / "b" / "file");
    fs::create_directory(path / "closed");
    write(path / "closed" / "file");
    chmod((path / "closed").c_str(), 0000);
    fs::create_directory(path / "read-only");
    write(path / "read-only" / "file");
    chmod((path / "read-only").c_str(), 0555);
    ASSERT_EQ(mkfifo((path / "pipe").c_str(), 0600), 0);

    EXPECT_TRUE(folder->remove());
    EXPECT_FALSE(fs::exists(path));
}

// A link goes; what it leads to stays as it is.
TEST_F(RunFolderTest, follows_no_link) {
    const auto folder = make();
    const fs::path path = folder->path();
    fs::create_directory_symlink(elsewhere(), path / "link");
    fs::create_symlink(elsewhere() / "kept", path / "link to a file");
    fs::create_directory(path / "inner");
    fs::create_directory_symlink("../../..", path / "inner" / "up");
    chmod(elsewhere().c_str(), 0500);

    EXPECT_TRUE(folder->remove());
    EXPECT_TRUE(fs::exists(elsewhere() / "kept"));
    EXPECT_EQ(fs::status(elsewhere()).permissions(), static_cast<fs::perms>(0500));
}

// Deeper than a path may be long, and than descriptors may be open.
TEST_F(RunFolderTest, however_deep_it_is) {
    const auto folder = make();
    const auto before = fs::current_path();
    fs::current_path(folder->path());
    for (int depth = 0; depth < 5000; ++depth) {
        ASSERT_EQ(mkdir("d", 0700), 0);
        if (depth % 100 == 0) write("file");
        ASSERT_EQ(chdir("d"), 0);
    }
    fs::current_path(before);

    EXPECT_TRUE(folder->remove());
    EXPECT_FALSE(fs::exists(folder->path()));
}

// Another file system that is mounted there is not emptied.
TEST_F(RunFolderTest, enters_no_other_file_system) {
    const auto folder = make();
    const fs::path inner = fs::path(folder->path()) / "mounted";
    fs::create_directory(inner);
    if (mount("none", inner.c_str(), "tmpfs", 0, nullptr) != 0) GTEST_SKIP() << "nothing can be mounted here";
    write(inner / "kept");
    EXPECT_FALSE(folder->remove());
    EXPECT_TRUE(fs::exists(inner / "kept"));
    umount(inner.c_str());
    EXPECT_TRUE(folder->remove());
}

// What is in use, somebody else's or no folder of a run stays.
TEST_F(RunFolderTest, removes_what_is_left_and_nothing_else) {
    const auto used = make();
    fs::path left;
    {
        const auto folder = make();
        left = folder->path();
        write(left / "file");
    }
    write(base() / "jiro-run-file");
    fs::create_directory_symlink(elsewhere(), base() / "jiro-run-link");
    fs::create_directory(base() / "other");
    const bool is_root = geteuid() == 0;
    fs::create_directory(base() / "jiro-run-theirs");
    if (is_root) {
        ASSERT_EQ(chown((base() / "jiro-run-theirs").c_str(), 12345, 12345), 0);
    }

    EXPECT_EQ(remove_left_folders(base()), is_root ? 1U : 2U);
    EXPECT_FALSE(fs::exists(left));
    for (const auto& kept : {fs::path(used->path()), base() / "jiro-run-file", base() / "jiro-run-link",
                             base() / "other", elsewhere() / "kept"}) {
        EXPECT_TRUE(fs::exists(kept)) << kept;
    }
    EXPECT_EQ(fs::exists(base() / "jiro-run-theirs"), is_root);
    EXPECT_EQ(remove_left_folders(dir_.path() / "missing"), 0U);
}

TEST_F(RunFolderTest, says_why_there_is_none) {
    EXPECT_EQ(RunFolder::make(dir_.path() / "missing"), nullptr);
    EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace jiro::commands
