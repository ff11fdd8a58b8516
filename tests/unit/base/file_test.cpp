// SPDX-License-Identifier: MIT
// What stands where a small file is expected: read, or refused by name, and never waited for.
#include "jiro/base/file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "support/temp_dir.hpp"

namespace jiro {

using ::testing::HasSubstr;

// Up to the limit, with its bytes as they are.
TEST(ReadSmallFile, reads_a_file) {
    const jiro::test::TempDir files;
    const auto path = files.write("f", std::string("a\0b\n", 4));
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    const auto content = read_small_file(path, 4);
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(content->text, std::string("a\0b\n", 4));
    EXPECT_FALSE(content->is_world_readable);
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    EXPECT_TRUE(read_small_file(path, 4)->is_world_readable);
    EXPECT_THAT(read_small_file(path, 3).error().message, HasSubstr("larger than the limit of 3 bytes"));
    std::filesystem::create_symlink(path, files.path() / "link");
    EXPECT_TRUE(read_small_file(files.path() / "link", 4));
}

// Each thing that is no file has a name, and none holds the reader up.
TEST(ReadSmallFile, names_what_is_no_file) {
    const jiro::test::TempDir files;
    const auto pipe = files.path() / "pipe";
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    std::filesystem::create_symlink(pipe, files.path() / "link");
    const struct {
        std::filesystem::path path;
        const char* text;
    } rows[] = {{files.path() / "none", "cannot be opened: No such file"},
                {files.path(), "is a directory"},
                {pipe, "is a named pipe"},
                {files.path() / "link", "is a named pipe"},
                {"/dev/zero", "is a device"}};
    for (const auto& row : rows) {
        const auto content = read_small_file(row.path, 100);
        ASSERT_FALSE(content) << row.path;
        EXPECT_THAT(content.error().message, HasSubstr(row.text)) << row.path;
    }
}

}  // namespace jiro
