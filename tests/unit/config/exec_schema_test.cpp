// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>

#include "config/schema.hpp"
#include "unit/config/load_helpers.hpp"

namespace jiro::config {
namespace {

using test::errors_of;
using test::load;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

// A definition with every key arrives whole, its parameters in the order of the file.
TEST(ExecSchema, reads_a_whole_definition) {
    const auto loaded = load(R"(Commands:
  Exec:
    restart:
      Description: Restart a service
      Program: [/usr/bin/systemctl, restart, "{service}"]
      Parameters:
        service: { Enum: [nginx, postgresql], Description: which }
        count: { Type: integer, Default: 1, MinLength: 1, MaxLength: 3 }
        note: { Required: false, Pattern: "[a-z]+", AllowLeadingDash: true }
        plain:
      TimeoutMs: 5000
      KillGraceMs: 100
      Result: json
      Stdin: message
      Environment: { LANG: C.UTF-8 }
      WorkingDirectory: /tmp
      MaxOutputBytes: 1000
      SuccessExitCodes: [0, 3]
      Idempotent: true
      MaxConcurrent: 2
      Limits: { CpuSeconds: 10, MemoryBytes: 104857600, OpenFiles: 64, Processes: 8, FileBytes: 0 }
    disk:
      Program: /usr/bin/df -h
    script:
      Shell: true
      Program: echo "$1" | wc -c
)");
    ASSERT_TRUE(loaded) << errors_of(loaded);
    const auto& exec = loaded.config->commands.exec;
    ASSERT_EQ(exec.size(), 3U);
    const commands::ExecCommand& restart = exec[0];
    EXPECT_EQ(restart.name, "restart");
    EXPECT_EQ(restart.source, "test.yaml:3");
    EXPECT_THAT(restart.program, ElementsAre("/usr/bin/systemctl", "restart", "{service}"));
    ASSERT_EQ(restart.parameters.size(), 4U);
    EXPECT_THAT(restart.parameters[0].allowed_values, ElementsAre("nginx", "postgresql"));
    EXPECT_EQ(restart.parameters[1].type, commands::ExecParameter::Type::integer);
    EXPECT_EQ(restart.parameters[1].default_value, "1");
    EXPECT_FALSE(restart.parameters[2].required);
    EXPECT_EQ(restart.parameters[2].pattern, "[a-z]+");
    EXPECT_EQ(restart.parameters[3].name, "plain");
    EXPECT_EQ(restart.timeout, 5s);
    EXPECT_EQ(restart.kill_grace, 100ms);
    EXPECT_EQ(restart.result, commands::ExecResultKind::json);
    EXPECT_EQ(restart.standard_input, commands::ExecStandardInput::message);
    EXPECT_THAT(restart.success_exit_codes, ElementsAre(0, 3));
    EXPECT_TRUE(restart.idempotent);
    EXPECT_EQ(restart.limits.cpu, 10s);
    EXPECT_EQ(restart.limits.file_bytes, 0U);
    EXPECT_THAT(exec[1].program, ElementsAre("/usr/bin/df", "-h"));
    EXPECT_THAT(exec[2].program, ElementsAre("echo \"$1\" | wc -c"));
}

// Mistakes inside a definition have the full path of their key.
TEST(ExecSchema, names_each_mistake) {
    struct Row {
        std::string_view name;
        std::string_view definition;
        std::string_view error;
    };
    const Row rows[] = {
        {"no program", "{}", "Commands.Exec.x.Program: is missing"},
        {"not a map", "uptime", "Commands.Exec.x: must be a map with at least Program, not text"},
        {"relative program", "{Program: uptime}", "Commands.Exec.x.Program: must begin with the absolute path"},
        {"program from a parameter", "{Program: [\"/bin/{p}\"]}", "must not come from a parameter"},
        {"quotes", "{Program: \"/bin/echo 'a b'\"}", "quotes are not understood here"},
        {"script as list", "{Shell: true, Program: [/bin/a, b]}", "must be one text, the script"},
        {"unknown key", "{Program: /bin/a, Timeout: 5}",
         "Commands.Exec.x.Timeout: unknown key, did you mean 'TimeoutMs'?"},
        {"unknown limit", "{Program: /bin/a, Limits: {Cpu: 5}}", "Commands.Exec.x.Limits.Cpu: unknown key"},
        {"bad pattern", "{Program: /bin/a, Parameters: {p: {Pattern: \"[\"}}}",
         "Commands.Exec.x.Parameters.p.Pattern: is not a valid regular expression"},
        {"default not in Enum", "{Program: /bin/a, Parameters: {p: {Enum: [a], Default: b}}}",
         "p.Default: \"b\" is not one of a"},
        {"default of another type", "{Program: /bin/a, Parameters: {p: {Type: integer, Default: b}}}",
         "p.Default: \"b\" is not an integer"},
        {"default against pattern", "{Program: /bin/a, Parameters: {p: {Pattern: a+, Default: b}}}",
         "p.Default: \"b\" does not match a+"},
        {"lengths", "{Program: /bin/a, Parameters: {p: {MinLength: 5, MaxLength: 4}}}",
         "MinLength is greater than MaxLength"},
        {"parameter name", "{Program: /bin/a, Parameters: {1p: {}}}", "the name of a parameter has letters"},
        {"parameter twice", "{Program: /bin/a, Parameters: {p: {}, p: {}}}", "Parameters.p: is given twice"},
        {"exit codes", "{Program: /bin/a, SuccessExitCodes: [256]}", "256 is out of range, allowed is 0 to 255"},
        {"variable name", "{Program: /bin/a, Environment: {A-B: c}}", "'A-B' is not the name of a variable"},
        {"variable with its value", "{Program: /bin/a, Environment: {\"A=b\": c}}", "Environment: must have names"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_THAT(errors_of("Commands: { Exec: { x: " + std::string(row.definition) + " } }"),
                    HasSubstr(std::string(row.error)));
    }
    EXPECT_THAT(errors_of("Commands: { Exec: { \"a b\": {Program: /bin/a} } }"),
                HasSubstr("the name of a command has 1 to 64 letters"));
    EXPECT_THAT(errors_of("Commands: { Exec: { a: {Program: /bin/a}, a: {Program: /bin/a} } }"),
                HasSubstr("Commands.Exec.a: the name is taken (test.yaml:1)"));
}

// What commands says of a definition stands at the key that it is about, among the other problems, and is said once.
TEST(ExecSchema, gives_each_problem_its_place) {
    EXPECT_EQ(
        errors_of("Commands:\n"
                  "  Exec:\n"
                  "    disk:\n"
                  "      Program: [/bin/df, \"{pth}\"]\n"
                  "      Parameters:\n"
                  "        path:\n"
                  "          MaxLength: none\n"
                  "          Pattern: \"[\"\n"
                  "    up: {}\n"
                  "  Default: dsik\n"),
        "test.yaml:4: Commands.Exec.disk.Program: {pth} is not in Parameters; did you mean {path}?\n"
        "test.yaml:7:22: Commands.Exec.disk.Parameters.path.MaxLength: must be a whole number from 0 to 1048576, not "
        "'none'\n"
        "test.yaml:8: Commands.Exec.disk.Parameters.path.Pattern: is not a valid regular expression: Character set "
        "declaration starting with [ terminated prematurely - either no ] was found or the set had no content\n"
        "test.yaml:9: Commands.Exec.up.Program: is missing: the absolute path of a program, and its arguments\n"
        "test.yaml:10: Commands.Default: there is no command \"dsik\"; did you mean \"disk\"?\n");
}

}  // namespace
}  // namespace jiro::config
