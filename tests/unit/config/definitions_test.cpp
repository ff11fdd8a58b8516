// SPDX-License-Identifier: MIT
#include "jiro/config/definitions.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jiro/commands/errors.hpp"
#include "support/temp_dir.hpp"

namespace jiro::config {
namespace {

using commands::errc;
using testing::HasSubstr;

class Definitions : public testing::Test {
  protected:
    std::string write(std::string_view name, std::string_view text, mode_t mode = 0644) const {
        const auto file = folder_.write(name, text);
        chmod(file.c_str(), mode);
        return file.string();
    }
    [[nodiscard]] Result<commands::ExecCommand> find(const std::string& name, unsigned owner = geteuid()) const {
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
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->program, (std::vector<std::string>{"/usr/bin/df", "-h", "{path}"}));
    EXPECT_EQ(found->parameters.front().pattern, "/.*");
    EXPECT_EQ(found->environment.front().second, "b");
    EXPECT_EQ(found->limits.open_files, 9);
    EXPECT_EQ(found->source, file + ":2");
    write("c.yaml", "disk2: [this is no definition\n");  // what else is broken concerns nobody
    EXPECT_TRUE(find("first"));
}

// What is not there, or cannot be believed, is named with the reason.
TEST_F(Definitions, count_only_where_nobody_else_may_write) {
    const auto expect = [&](errc code, std::string_view text, const std::string& name = "disk",
                            unsigned owner = geteuid()) {
        const auto found = find(name, owner);
        ASSERT_FALSE(found) << text;
        EXPECT_EQ(found.error().code, code) << text;
        EXPECT_THAT(found.error().message, HasSubstr(text));
        EXPECT_THAT(found.error().message, HasSubstr("the command " + name));
    };
    constexpr std::string_view kDisk = "disk: { Program: [/bin/true] }\n";
    expect(errc::not_defined, "is not defined in " + folder_.path().string() + ", and");
    const auto file = write("a.yaml", kDisk);
    ASSERT_TRUE(find("disk"));
    expect(errc::not_defined, "is not defined", "dis");
    expect(errc::not_defined, "is not defined", "Disk");
    expect(errc::not_defined, "others may write there", "disk", geteuid() + 1);

    for (const mode_t mode : {0664, 0646, 0666}) {
        chmod(file.c_str(), mode);
        expect(errc::not_defined, "a.yaml: others may write it");
    }
    chmod(file.c_str(), 0644);
    for (const mode_t mode : {0775, 0757, 01777}) {
        chmod(folder_.path().c_str(), mode);
        expect(errc::not_defined, "others may write there");
    }
    chmod(folder_.path().c_str(), 0755);
    ASSERT_TRUE(find("disk"));

    const auto second = write("b.yaml", kDisk);
    expect(errc::bad_definition, "it is given twice, in " + file + ":1 and " + second + ":1");
    write("b.yaml", "disk: { Programm: [/bin/true] }\n");
    unlink(file.c_str());
    expect(errc::bad_definition, "unknown key");
    write("b.yaml", "disk: [\n");
    expect(errc::not_defined, "b.yaml");
    unlink(second.c_str());
    mkfifo(file.c_str(), 0644);
    expect(errc::not_defined, "a.yaml: is a named pipe");
}

// A folder that is not there defines nothing.
TEST_F(Definitions, need_a_folder) {
    const auto found = find_definition(folder_.path() / "missing", "disk", {}, geteuid());
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, errc::not_defined);
}

}  // namespace
}  // namespace jiro::config
