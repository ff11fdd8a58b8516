// SPDX-License-Identifier: MIT
#include "commands/exec/argument_binding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using namespace std::string_literals;

namespace {

ExecParameter parameter(std::string name) {
    ExecParameter result;
    result.name = std::move(name);
    return result;
}

ExecCommand command(std::vector<std::string> program, std::vector<ExecParameter> parameters = {}) {
    ExecCommand result;
    result.name = "it";
    result.program = std::move(program);
    result.parameters = std::move(parameters);
    return result;
}

ExecCommand with_variable(std::string name) {
    auto result = command({"/x"});
    result.environment = {{std::move(name), "value"}};
    return result;
}

ExecCommand redacting(std::string value) {
    auto result = command({"/x"});
    result.environment = {{"PIN", std::move(value)}};
    result.redact = {"PIN"};
    return result;
}

ArgumentBinding compiled(const ExecCommand& definition) {
    std::vector<std::string> problems;
    ArgumentBinding binding(definition, problems);
    EXPECT_THAT(problems, ElementsAre());
    return binding;
}

std::vector<std::string> argv(const ExecCommand& definition, const std::vector<std::string>& words,
                              const Parameters& parameters = {}) {
    const auto bound = compiled(definition).bind(words, parameters);
    return bound ? bound->argv : std::vector<std::string>{"error: " + bound.error().message};
}

}  // namespace

// Words fill parameters in order, named parameters by name, the rest goes to {args...}, each an element of its own.
TEST(ArgumentBinding, binds_words_and_parameters) {
    auto optional = parameter("b");
    optional.required = false;
    auto with_default = parameter("c");
    with_default.default_value = "C";
    const auto plain =
        command({"/x", "--a={a}", "{b}", "{{{c}}}", "{args...}", "end"}, {parameter("a"), optional, with_default});
    EXPECT_THAT(argv(plain, {"1"}), ElementsAre("/x", "--a=1", "{C}", "end"));
    EXPECT_THAT(argv(plain, {"1", "2", "3", "4", "5 6"}), ElementsAre("/x", "--a=1", "2", "{3}", "4", "5 6", "end"));
    EXPECT_THAT(argv(plain, {"1"}, {{"C", "x"}, {"unknown", "y"}}), ElementsAre("/x", "--a=1", "{x}", "end"));
    EXPECT_THAT(argv(plain, {"2"}, {{"a", "1"}}), ElementsAre("/x", "--a=1", "2", "{C}", "end"));
    EXPECT_THAT(argv(plain, {})[0], HasSubstr("argument a is missing"));
    EXPECT_THAT(argv(command({"/x", "{a}"}, {parameter("a")}), {"1", "2"})[0], HasSubstr("too many"));
    EXPECT_THAT(argv(command({"/x", "{print $1}"}), {}), ElementsAre("/x", "{print $1}"));
}

// Whatever the hub sends arrives as one argv element, byte for byte, or is refused; nothing is interpreted.
TEST(ArgumentBinding, keeps_injection_attempts_in_one_element) {
    auto any = parameter("a");
    any.min_length = 0;
    const auto definition = command({"/x", "{a}", "z"}, {any});
    for (const std::string& value : {"a b"s,
                                     "a'b\"c"s,
                                     "$(reboot)"s,
                                     "`id`"s,
                                     "; rm -rf /"s,
                                     "| tee x"s,
                                     "&& true"s,
                                     "a\nb"s,
                                     "a\tb"s,
                                     "*"s,
                                     "~root"s,
                                     "${HOME}"s,
                                     "{a}"s,
                                     "{args...}"s,
                                     "%s%n"s,
                                     "..\\..\\x"s,
                                     "../../etc/passwd"s,
                                     "\xF0\x9F\x98\x80"s,
                                     "\x1b[2J"s,
                                     ""s,
                                     std::string(4096, 'x')}) {
        EXPECT_THAT(argv(definition, {value}), ElementsAre("/x", value, "z"));
        EXPECT_THAT(argv(definition, {}, {{"a", value}}), ElementsAre("/x", value, "z"));
    }
}

// What must not reach a program is refused by name.
TEST(ArgumentBinding, refuses_dangerous_values) {
    auto integer = parameter("a");
    integer.type = ExecParameter::Type::integer;
    auto number = parameter("a");
    number.type = ExecParameter::Type::number;
    auto boolean = parameter("a");
    boolean.type = ExecParameter::Type::boolean;
    auto path = parameter("a");
    path.pattern = "^/[A-Za-z0-9/_.-]*$";
    auto choice = parameter("a");
    choice.allowed_values = {"on", "off"};
    auto short_one = parameter("a");
    short_one.min_length = 2;
    short_one.max_length = 3;
    auto lines = parameter("a");
    lines.pattern = "[a-z]+.*";
    auto explosive = parameter("a");
    explosive.pattern = "(a+)+b";
    const struct {
        const char* name;
        ExecParameter parameter;
        std::string value;
        const char* violation;  // empty: fine
    } rows[] = {{"option", parameter("a"), "--output=/etc/passwd", "option"},
                {"dash", parameter("a"), "-", "option"},
                {"NUL", parameter("a"), "a\0b"s, "NUL"},
                {"latin 1", parameter("a"), "caf\xE9", "UTF-8"},
                {"1 MB", parameter("a"), std::string(1048576, 'x'), "longer than 4096"},
                {"integer", integer, "42", ""},
                {"no integer", integer, "4x", "an integer"},
                {"overflow", integer, "99999999999999999999", "an integer"},
                {"empty integer", integer, "", "is empty"},
                {"number", number, "1.5e3", ""},
                {"nan", number, "nan", "a number"},
                {"boolean", boolean, "true", ""},
                {"no boolean", boolean, "yes", "true or false"},
                {"path", path, "/var/log", ""},
                {"relative path", path, "var", "does not match"},
                {"path and line break", path, "/var\n", "does not match"},
                {"any and line break", lines, "a\nInjected: yes", "does not match"},
                {"any and carriage return", lines, "a\rInjected", "does not match"},
                {"any", lines, "a, b; c", ""},
                {"empty", parameter("a"), "", "is empty"},
                {"path and command", path, "/var;id", "does not match"},
                {"choice", choice, "on", ""},
                {"no choice", choice, "On", "one of on, off"},
                {"too short", short_one, "x", "shorter than 2"},
                {"too long", short_one, "xxxx", "longer than 3"},
                {"explosive", explosive, std::string(4000, 'a'), "a"}};
    for (const auto& row : rows) {
        const auto bound = compiled(command({"/x", "{a}"}, {row.parameter})).bind({row.value}, {});
        EXPECT_EQ(bound.has_value(), *row.violation == '\0') << row.name;
        if (bound) continue;
        EXPECT_EQ(bound.error().code, errc::bad_argument) << row.name;
        EXPECT_THAT(bound.error().message, HasSubstr(row.violation)) << row.name;
        EXPECT_LT(bound.error().message.size(), 400U) << row.name;
    }
    auto dash = parameter("a");
    dash.allow_leading_dash = true;
    EXPECT_THAT(argv(command({"/x", "{a}"}, {dash}), {"-n"}), ElementsAre("/x", "-n"));
    EXPECT_THAT(argv(command({"/x", "{args...}"}), {"ok", "-rf"})[0], HasSubstr("option"));
}

// A pattern is one of characters, not of bytes. Only of ASCII is it known what a letter is, and its other case.
TEST(ArgumentBinding, matches_characters) {
    const struct {
        const char* pattern;
        std::vector<const char*> taken;
        std::vector<const char*> refused;
    } rows[] = {{"[а-я]+", {"мир", "жук"}, {"Мир", "Ñ", "Ѱѱ"}},
                {"[a-zäöü]+", {"müller", "ä"}, {"¤¤", "ß"}},
                {".{1,3}", {"äöü", "日本語", "\U0001F600"}, {"äöüß"}},
                {"[^€]+", {"a", "¬", "â"}, {"€"}},
                {"[ぁ-ん]{2}", {"あい"}, {"あ", "アイ"}},
                {"é?x", {"x", "éx"}, {"éé"}},
                {"日+", {"日日"}, {"日本"}},
                {"\\x{e4}", {"ä"}, {"a"}},
                {"\\w+", {"a_1"}, {"ä", "ж"}},
                {"(?i)äA", {"äa", "äA"}, {"ÄA"}}};
    for (const auto& row : rows) {
        auto limited = parameter("v");
        limited.pattern = row.pattern;
        const auto binding = compiled(command({"/x", "{v}"}, {limited}));
        for (const auto* value : row.taken) EXPECT_TRUE(binding.bind({value}, {})) << row.pattern << ' ' << value;
        for (const auto* value : row.refused) EXPECT_FALSE(binding.bind({value}, {})) << row.pattern << ' ' << value;
    }
}

// However a pattern is written, no value keeps it busy for long. These took minutes.
TEST(ArgumentBinding, gives_up_on_a_pattern_that_explodes) {
    std::string set;
    for (int i = 0; i < 200; ++i) set += "1-2";
    for (const auto& pattern : {"(a+)+b"s, "([A-Z" + set + "a]+)+b", "([" + set + "a]*)*b", "(?i)([" + set + "a]*)*b",
                                "(?:(?:|a)*)*b"s, "(((a|)*)*)*b"s, "(a*?)*?b"s}) {
        auto limited = parameter("v");
        limited.pattern = pattern;
        const auto binding = compiled(command({"/x", "{v}"}, {limited}));
        for (const std::size_t length : {30, 4096}) {
            const auto bound = binding.bind({std::string(length, 'a')}, {});
            ASSERT_FALSE(bound) << pattern;
            EXPECT_THAT(bound.error().message, HasSubstr("takes too long on it")) << pattern;
        }
    }
}

// The names of parameters are the same in upper and lower case, and so is that of the rest: what guards it counts.
TEST(ArgumentBinding, guards_the_rest_however_its_name_is_written) {
    for (const auto* name : {"args", "Args", "ARGS"}) {
        auto guard = parameter(name);
        guard.allowed_values = {"safe"};
        for (const auto* placeholder : {"{args...}", "{ARGS...}"}) {
            const auto definition = command({"/x", placeholder}, {guard});
            EXPECT_THAT(argv(definition, {"safe", "safe"}), ElementsAre("/x", "safe", "safe")) << name << placeholder;
            EXPECT_THAT(argv(definition, {"safe", "other"})[0], HasSubstr("one of safe")) << name << placeholder;
        }
    }
}

// With a shell the values stay arguments of the script; they are never part of its text.
TEST(ArgumentBinding, gives_values_to_a_shell_script_as_arguments) {
    auto script = command({"echo \"$1\" | wc -c"}, {parameter("text")});
    script.shell = true;
    const auto bound = compiled(script).bind({"$(reboot); `id`"}, {}).value();
    EXPECT_THAT(bound.argv, ElementsAre("/bin/sh", "-c", "echo \"$1\" | wc -c", "it", "$(reboot); `id`"));
    EXPECT_EQ(bound.environment.front().first, "JIRO_PARAM_TEXT");
}

// A value that becomes a part of a path needs a Pattern or an Enum to stay in its folder.
TEST(OpenPaths, are_parameters_of_a_path_that_may_be_anything) {
    auto with_pattern = parameter("file");
    with_pattern.pattern = "[a-z]+";
    auto with_enum = parameter("dir");
    with_enum.allowed_values = {"a", "b"};
    auto number = parameter("file");
    number.type = ExecParameter::Type::integer;
    auto script = command({"cat \"$1\""}, {parameter("logFile")});
    script.shell = true;
    const struct {
        const char* name;
        ExecCommand command;
        std::size_t found;
    } rows[] = {{"name", command({"/x", "{path}"}, {parameter("path")}), 1},
                {"name in a script", script, 1},
                {"place", command({"/x", "/srv/data/{v}"}, {parameter("v")}), 1},
                {"place in front", command({"/x", "--out={v}/a"}, {parameter("V")}), 1},
                {"another word", command({"/x", "{profile}"}, {parameter("profile")}), 0},
                {"neither", command({"/x", "-a", "{v}"}, {parameter("v")}), 0},
                {"pattern", command({"/x", "/srv/{file}"}, {with_pattern}), 0},
                {"enum", command({"/x", "/srv/{dir}"}, {with_enum}), 0},
                {"number", command({"/x", "/srv/{file}"}, {number}), 0}};
    for (const auto& row : rows) {
        Settings settings;
        settings.exec = {row.command};
        EXPECT_EQ(open_paths(settings).size(), row.found) << row.name;
    }
}

// What is wrong with a definition names the key, and all of it is reported.
TEST(ArgumentBinding, reports_bad_definitions) {
    auto broken_pattern = parameter("path");
    broken_pattern.pattern = "([";
    auto latin_pattern = parameter("a");
    latin_pattern.pattern = "[\xE4]";
    auto long_pattern = parameter("a");
    long_pattern.pattern = std::string(1025, 'a');
    auto bad_default = parameter("path");
    bad_default.pattern = "^/";
    bad_default.default_value = "x";
    auto shell = command({"ls {path}"}, {parameter("path")});
    shell.shell = true;
    auto shouting = command({"ls {PATH}"}, {parameter("path")});
    shouting.shell = true;
    auto also_right = command({"ls ${path} {path}"}, {parameter("path")});
    also_right.shell = true;
    auto many = command({"/x"});
    for (int i = 0; i < 257; ++i) many.parameters.push_back(parameter("p" + std::to_string(i)));
    const struct {
        const char* name;
        ExecCommand command;
        const char* problem;
    } rows[] = {{"too many parameters", many, "Parameters: 257 are given, at most 256 are allowed"},
                {"no program", command({}), "Program: is missing"},
                {"relative program", command({"df"}), "absolute path"},
                {"program from the hub", command({"{path}"}, {parameter("path")}), "absolute path"},
                {"unknown placeholder", command({"/x", "{pth}"}, {parameter("path")}), "did you mean {path}?"},
                {"rest inside", command({"/x", "-{args...}"}), "of its own"},
                {"rest twice", command({"/x", "{args...}", "{args...}"}), "twice"},
                {"pattern in Latin 1", command({"/x"}, {latin_pattern}), "Pattern: is not UTF-8"},
                {"broken pattern", command({"/x", "{path}"}, {broken_pattern}), "Parameters.path.Pattern"},
                {"default", command({"/x", "{path}"}, {bad_default}), "Parameters.path.Default"},
                {"twice", command({"/x"}, {parameter("a"), parameter("A")}), "twice"},
                {"one variable", command({"/x"}, {parameter("a-b"), parameter("a_b")}), "twice"},
                {"variable", with_variable("A B"), "Environment: 'A B' is not the name of a variable"},
                {"variable of ours", with_variable("JIRO_RUN"), "Environment: 'JIRO_RUN' is set by the client itself"},
                {"a parameter's", with_variable("JIRO_PARAM_A"), "Environment: 'JIRO_PARAM_A' is set by the client"},
                {"long pattern", command({"/x"}, {long_pattern}), "Pattern: is longer than 1024 bytes"},
                {"name", command({"/x"}, {parameter("a b")}), "Parameters.a b"},
                {"pasted", shell, "$JIRO_PARAM_PATH"},
                {"pasted behind a variable", also_right, "$JIRO_PARAM_PATH"},
                {"pasted in capitals", shouting, "$JIRO_PARAM_PATH"},
                {"nothing to mask", redacting("1234  "), "Redact: the value of 'PIN' has fewer than 6 characters"},
                {"no line to mask", redacting("11111\n22222\n"), "Redact: the value of 'PIN'"}};
    for (const auto& row : rows) {
        auto definition = row.command;
        definition.source = "config.yaml:7";
        Settings settings;
        settings.exec = {definition};
        const auto problems = check(settings);
        ASSERT_FALSE(problems.empty()) << row.name;
        EXPECT_THAT(problems.front().key_path, testing::StartsWith("Commands.Exec.it.")) << row.name;
        EXPECT_THAT(problems.front().key_path + ": " + problems.front().what, HasSubstr(row.problem)) << row.name;
        EXPECT_EQ(make_registry(settings, {}).error().code, errc::bad_definition) << row.name;
    }
}

// With a prefix the names are so in any case.
TEST(CheckCommands, tells_names_apart_as_they_are_found) {
    Settings settings;
    for (const auto* name : {"Ab", "aB", "Help"}) {
        settings.exec.push_back(command({"/x"}));
        settings.exec.back().name = name;
    }
    EXPECT_TRUE(check(settings).empty());
    settings.prefix = "$";
    const auto problems = check(settings);
    ASSERT_EQ(problems.size(), 2U);
    EXPECT_EQ(problems[0].key_path, "Commands.Exec.aB");
    EXPECT_THAT(problems[0].what, HasSubstr("\"Ab\" is the same name"));
    EXPECT_EQ(problems[1].key_path, "Commands.Exec.Help");
}

// The names of commands are one space, and Commands.Default is in it.
TEST(CheckCommands, names_what_has_no_place_among_the_names) {
    Settings settings;
    ExecCommand builtin;
    builtin.name = "help";
    builtin.program = {"/x"};
    settings.exec = {builtin};
    settings.default_command = "hepl";
    const auto problems = check(settings);
    ASSERT_EQ(problems.size(), 2U);
    EXPECT_EQ(problems[0].key_path, "Commands.Exec.help");
    EXPECT_THAT(problems[0].what, HasSubstr("taken (built-in)"));
    EXPECT_EQ(problems[1].key_path, "Commands.Default");
    EXPECT_THAT(problems[1].what, HasSubstr("did you mean \"help\"?"));
}

}  // namespace jiro::commands
