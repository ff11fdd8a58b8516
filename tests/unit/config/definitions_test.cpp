// SPDX-License-Identifier: MIT
#include "jiro/config/definitions.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temp_dir.hpp"

namespace jiro::config {
namespace {

using testing::HasSubstr;

class Definitions : public testing::Test {
  protected:
    std::string write(std::string_view name, std::string_view text, mode_t mode = 0644) const {
        const auto file = folder_.write(name, text);
        chmod(file.c_str(), mode);
        return file.string();
    }
    [[nodiscard]] FoundDefinition find(const std::string& name, unsigned owner = geteuid()) const {
        return find_definition(folder_.path(), name, {}, owner);
    }

    jiro::test::TempDir folder_;
};

// A definition is the same whoever reads it: the daemon with its configuration, or the unit's side alone.
TEST_F(Definitions, are_found_by_name) {
    write("a.yaml", "other: { Program: [/bin/true] }\n");
    const auto file = write("b.yaml",
                            "first: { Program: [/bin/true] }\n"
                            "disk:\n"
                            "  Program: /usr/bin/df -h {path}\n"
                            "  Parameters: { path: { Pattern: /.* } }\n"
                            "  Environment: { A: b }\n"
                            "  Limits: { OpenFiles: 9 }\n");
    const auto found = find("disk");
    ASSERT_TRUE(found.command) << found.problem;
    EXPECT_EQ(found.command->program, (std::vector<std::string>{"/usr/bin/df", "-h", "{path}"}));
    EXPECT_EQ(found.command->parameters.front().pattern, "/.*");
    EXPECT_EQ(found.command->environment.front().second, "b");
    EXPECT_EQ(found.command->limits.open_files, 9);
    EXPECT_EQ(found.command->source, file + ":2");
    write("c.yaml", "disk2: [this is no definition\n");  // what else is broken concerns nobody
    EXPECT_TRUE(find("first").command);
}

// What is not there, or cannot be believed, is named with the reason.
TEST_F(Definitions, count_only_where_nobody_else_may_write) {
    const auto expect = [&](bool is_defined, std::string_view text, const std::string& name = "disk",
                            unsigned owner = geteuid()) {
        const auto found = find(name, owner);
        ASSERT_FALSE(found.command) << text;
        EXPECT_EQ(found.is_defined, is_defined) << text;
        EXPECT_THAT(found.problem, HasSubstr(text));
        EXPECT_THAT(found.problem, HasSubstr("the command " + name));
    };
    constexpr std::string_view kDisk = "disk: { Program: [/bin/true] }\n";
    expect(false, "is not defined in " + folder_.path().string() + ", and");
    const auto file = write("a.yaml", kDisk);
    ASSERT_TRUE(find("disk").command);
    expect(false, "is not defined", "dis");
    expect(false, "is not defined", "Disk");
    expect(false, "others may write there", "disk", geteuid() + 1);

    for (const mode_t mode : {0664U, 0646U, 0666U}) {
        chmod(file.c_str(), mode);
        expect(false, "a.yaml: others may write it");
    }
    chmod(file.c_str(), 0644);
    for (const mode_t mode : {0775U, 0757U, 01777U}) {
        chmod(folder_.path().c_str(), mode);
        expect(false, "others may write there");
    }
    chmod(folder_.path().c_str(), 0755);
    ASSERT_TRUE(find("disk").command);

    const auto second = write("b.yaml", kDisk);
    expect(true, "it is given twice, in " + file + ":1 and " + second + ":1");
    write("b.yaml", "disk: { Programm: [/bin/true] }\n");
    unlink(file.c_str());
    expect(true, "unknown key");
    write("b.yaml", "disk: [\n");
    expect(false, "b.yaml");
    unlink(second.c_str());
    mkfifo(file.c_str(), 0644);
    expect(false, "a.yaml: is a named pipe");
}

// By a link to below the folder the real file counts, and who may write to the folders on the way to it.
TEST_F(Definitions, count_behind_links_as_they_are_there) {
    const auto real = folder_.path() / "..2026_12_01";
    std::filesystem::create_directory(real);
    const auto file = write("..2026_12_01/a.yaml", "disk: { Program: [/bin/true] }\n");
    std::filesystem::create_directory_symlink("..2026_12_01", folder_.path() / "..data");
    std::filesystem::create_symlink("..data/a.yaml", folder_.path() / "a.yaml");
    chmod(real.c_str(), 0755);
    EXPECT_TRUE(find("disk").command) << find("disk").problem;
    for (const mode_t mode : {0775U, 0757U, 01777U}) {
        chmod(real.c_str(), mode);
        EXPECT_THAT(find("disk").problem, HasSubstr("a.yaml: others may write it"));
    }
    chmod(real.c_str(), 0755);
    if (geteuid() == 0) {
        EXPECT_EQ(chown(real.c_str(), 12345, 0), 0);
        EXPECT_THAT(find("disk").problem, HasSubstr("a.yaml: others may write it"));
        EXPECT_EQ(chown(real.c_str(), 0, 0), 0);
    }
    chmod(file.c_str(), 0646);
    EXPECT_THAT(find("disk").problem, HasSubstr("a.yaml: others may write it"));
    chmod(file.c_str(), 0644);
    EXPECT_TRUE(find("disk").command);
}

// A folder that is not there defines nothing.
TEST_F(Definitions, need_a_folder) {
    const auto found = find_definition(folder_.path() / "missing", "disk", {}, geteuid());
    EXPECT_FALSE(found.command);
    EXPECT_FALSE(found.is_defined);
}

}  // namespace
}  // namespace jiro::config
