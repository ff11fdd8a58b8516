// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "config/schema.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

using commands::ExecCommand;
using commands::ExecParameter;

namespace {

constexpr std::int64_t kTiB = 1024LL * 1024 * kMiB;

constexpr std::array<std::string_view, 7> kResults{"auto", "text", "json", "markdown", "html", "base64", "graph"};
constexpr std::array<std::string_view, 2> kStdin{"none", "message"};
constexpr std::array<std::string_view, 4> kTypes{"text", "integer", "number", "boolean"};

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> result;
    for (std::size_t at = 0; at < text.size();) {
        const auto begin = text.find_first_not_of(" \t\n", at);
        if (begin == std::string_view::npos) break;
        at = std::min(text.find_first_of(" \t\n", begin), text.size());
        result.emplace_back(text.substr(begin, at - begin));
    }
    return result;
}

// As a list: argv. As text: the script, or what is split at spaces once Shell is known.
void read_program(const Node& node, ExecCommand& command, const Context& context) {
    if (node.kind == Node::Kind::scalar) {
        command.program = {node.text};
    } else if (auto texts = read_texts(node, context)) {
        command.program = std::move(*texts);
    }
}

void split_program(const Node& definition, ExecCommand& command, const Context& context) {
    const auto program =
        std::ranges::find(definition.members, "program", [](const Member& member) { return lower_case(member.key); });
    if (command.shell || program == definition.members.end() || program->value.kind != Node::Kind::scalar) return;
    if (program->value.text.find_first_of("\"'\\") == std::string::npos) {
        command.program = words(program->value.text);
    } else {
        context.problems.add(program->value.place, context.path + ".Program",
                             "quotes are not understood here: write a list, [/path/of/program, argument]");
    }
}

void read_parameters(const Node& node, ExecCommand& command, const Context& context) {
    if (node.kind != Node::Kind::map) {
        context.fail(node.place, "must be a map of names to definitions, not " + std::string(kind_name(node)));
        return;
    }
    for (const Member& member : node.members) {
        const Context inner = context.inside(member);
        ExecParameter parameter;
        parameter.name = member.key;
        if (member.value.kind == Node::Kind::map) {
            read_keys(exec_parameter_schema(), member.value, parameter, inner);
        } else if (member.value.kind != Node::Kind::null) {
            inner.fail(member.value.place, "must be a map, not " + std::string(kind_name(member.value)));
        }
        command.parameters.push_back(std::move(parameter));
    }
}

void read_exit_codes(const Node& node, ExecCommand& command, const Context& context) {
    if (node.kind != Node::Kind::sequence) {
        context.fail(node.place, "must be a list of whole numbers from 0 to 255");
        return;
    }
    command.success_exit_codes.clear();
    for (const Node& item : node.items) {
        if (const auto code = read_whole_number(item, {0, 255}, context)) {
            command.success_exit_codes.push_back(static_cast<int>(*code));
        }
    }
}

void read_environment(const Node& node, ExecCommand& command, const Context& context) {
    if (auto pairs = read_text_map(node, context)) command.environment = std::move(*pairs);
}

template <typename T>
Key<T> special(std::string_view path, std::string type, std::string allowed, std::string_view description,
               bool is_optional, std::function<void(const Node&, T&, const Context&)> read,
               std::function<std::string(const T&, Reveal)> show) {
    Key<T> key{path, std::move(type), std::move(allowed), Effect::in_place, description, true, is_optional, {}, {}, {}};
    key.read = std::move(read);
    key.clear = [](T&) {};
    key.show = std::move(show);
    return key;
}

std::string show_parameters(const ExecCommand& command, Reveal reveal) {
    std::string out;
    for (const ExecParameter& parameter : command.parameters) {
        out += (out.empty() ? "{ " : ", ") + parameter.name + ": {";
        for (const auto& key : exec_parameter_schema()) {
            const std::string value = key.show(parameter, reveal);
            if (value == key.show(ExecParameter(), reveal)) continue;
            out += (out.ends_with('{') ? " " : ", ") + std::string(key.path) + ": " + value;
        }
        out += " }";
    }
    return out.empty() ? "{}" : out + " }";
}

// Any of the values may be a password.
std::string show_environment(const ExecCommand& command, Reveal reveal) {
    auto variables = command.environment;
    for (auto& [name, value] : variables) value = reveal == Reveal::masked ? "***" : value;
    return yaml_map(variables);
}

std::string show_exit_codes(const ExecCommand& command, Reveal) {
    std::string out = "[";
    for (const int code : command.success_exit_codes) out += (out.size() > 1 ? ", " : "") + std::to_string(code);
    return out + ']';
}

#define MEMBER(expression) \
    [](auto& target) -> auto& { return target.expression; }

std::vector<Key<ExecCommand>> make_exec_schema() {
    using E = ExecCommand;
    const Effect now = Effect::in_place;
    return {
        text_key<E>("Description", MEMBER(description), now, "One line, shown by `help`."),
        special<E>(
            "Program", "list or text", "begins with an absolute path",
            "The program and its arguments; `{name}` in an argument stands for a parameter. With Shell: the script.",
            false, read_program, [](const E& command, Reveal) { return yaml_list(command.program); }),
        flag_key<E>(
            "Shell", MEMBER(shell), now,
            "Run Program as a script of /bin/sh. Parameters reach it as JIRO_PARAM_NAME, never as part of its text."),
        special<E>("Parameters", "map", "",
                   "The parameters that are accepted, in the order in which bare words fill them.", true,
                   read_parameters, show_parameters),
        optional_number_key<E>("TimeoutMs", "milliseconds", {1, 30 * kDayMs}, MEMBER(timeout), now,
                               "Time limit. null: Commands.TimeoutMs."),
        number_key<E>("KillGraceMs", "milliseconds", {0, 600'000}, MEMBER(kill_grace), now,
                      "How long after SIGTERM a program that goes on gets SIGKILL."),
        choice_key<E>("Result", kResults, MEMBER(result), now, "What the program's standard output is."),
        choice_key<E>("Stdin", kStdin, MEMBER(standard_input), now,
                      "What the program reads: nothing, or the command message as one JSON object."),
        special<E>("Environment", "map", "",
                   "Variables added to the small base environment; nothing else is inherited.", true, read_environment,
                   show_environment),
        path_key<E>("WorkingDirectory", MEMBER(working_directory), now, "Where the program starts."),
        number_key<E>("MaxOutputBytes", "bytes", {0, 64 * kMiB}, MEMBER(max_output_bytes), now,
                      "Of longer output the beginning and the end are kept."),
        special<E>("SuccessExitCodes", "list", "0 to 255", "Exit codes that count as success.", false, read_exit_codes,
                   show_exit_codes),
        flag_key<E>("Idempotent", MEMBER(idempotent), now,
                    "May be run a second time when the daemon died while it ran; else its outcome is \"interrupted\"."),
        number_key<E>("MaxConcurrent", "whole number", {0, 10'000}, MEMBER(max_concurrent), now,
                      "Runs of this command at the same time; 0: only Commands.MaxConcurrent counts."),
        optional_number_key<E>("Limits.CpuSeconds", "seconds", {1, 31'536'000}, MEMBER(limits.cpu), now,
                               "Processor time of one run. null: no limit of its own, as below."),
        optional_number_key<E>("Limits.MemoryBytes", "bytes", {kMiB, kTiB}, MEMBER(limits.memory_bytes), now,
                               "Address space of each process."),
        optional_number_key<E>("Limits.OpenFiles", "whole number", {3, 1'000'000}, MEMBER(limits.open_files), now,
                               "Open files of each process."),
        optional_number_key<E>("Limits.Processes", "whole number", {1, 1'000'000}, MEMBER(limits.processes), now,
                               "Processes of the daemon's user, all commands together."),
        optional_number_key<E>("Limits.FileBytes", "bytes", {0, kTiB}, MEMBER(limits.file_bytes), now,
                               "Largest file that may be written."),
    };
}

std::vector<Key<ExecParameter>> make_parameter_schema() {
    using P = ExecParameter;
    const Effect now = Effect::in_place;
    return {
        text_key<P>("Description", MEMBER(description), now, "One line, shown by `help NAME`."),
        choice_key<P>("Type", kTypes, MEMBER(type), now, "What the value must look like."),
        [] {
            auto key = special<P>(
                "Pattern", "text", "Perl regular expression",
                "The whole value must match; `.` does not match a line break.", true,
                [](const Node& node, P& parameter, const Context& context) {
                    if (auto text = read_text(node, context)) parameter.pattern = std::move(*text);
                },
                [](const P& parameter, Reveal) {
                    return parameter.pattern ? yaml_text(*parameter.pattern) : std::string("null");
                });
            key.clear = [](P& parameter) { parameter.pattern.reset(); };
            return key;
        }(),
        special<P>(
            "Enum", "list", "", "The values that are allowed; empty: any.", true,
            [](const Node& node, P& parameter, const Context& context) {
                if (auto texts = read_texts(node, context)) parameter.allowed_values = std::move(*texts);
            },
            [](const P& parameter, Reveal) { return yaml_list(parameter.allowed_values); }),
        special<P>(
            "Default", "text", "", "The value when none is given; makes the parameter optional.", true,
            [](const Node& node, P& parameter, const Context& context) {
                if (auto text = read_text(node, context)) parameter.default_value = std::move(*text);
            },
            [](const P& parameter, Reveal) {
                return parameter.default_value ? yaml_text(*parameter.default_value) : std::string("null");
            }),
        flag_key<P>("Required", MEMBER(required), now, "false: may be missing, its argument is then left out."),
        number_key<P>("MinLength", "bytes", {0, kMiB}, MEMBER(min_length), now,
                      "Shortest value; 0 allows an empty one."),
        number_key<P>("MaxLength", "bytes", {0, kMiB}, MEMBER(max_length), now, "Longest value."),
        flag_key<P>("AllowLeadingDash", MEMBER(allow_leading_dash), now,
                    "Accept a value such as -rf, which most programs take for an option."),
    };
}

#undef MEMBER

ExecCommand read_command(const Member& member, const Context& context) {
    ExecCommand command;
    command.name = member.key;
    command.source = to_string(member.place);
    if (member.value.kind != Node::Kind::map) {
        context.fail(member.value.place,
                     "must be a map with at least Program, not " + std::string(kind_name(member.value)));
        return command;
    }
    read_keys(exec_schema(), member.value, command, context);
    split_program(member.value, command, context);
    return command;
}

}  // namespace

std::span<const Key<ExecCommand>> exec_schema() {
    static const std::vector<Key<ExecCommand>> keys = make_exec_schema();
    return keys;
}

std::span<const Key<ExecParameter>> exec_parameter_schema() {
    static const std::vector<Key<ExecParameter>> keys = make_parameter_schema();
    return keys;
}

void read_exec_commands(const Node& node, Config& config, const Context& context) {
    if (node.kind != Node::Kind::map) {
        context.fail(node.place, "must be a map of names to definitions, not " + std::string(kind_name(node)));
        return;
    }
    config.commands.exec.clear();
    for (const Member& member : node.members) {
        config.commands.exec.push_back(read_command(member, context.inside(member)));
    }
}

std::string show_exec_commands(const Config& config, Reveal reveal) {
    if (config.commands.exec.empty()) return "{}";
    std::string out;
    for (const ExecCommand& command : config.commands.exec) {
        out += "\n    " + yaml_text(command.name) + ":";
        std::string section;
        for (const auto& key : exec_schema()) {
            const std::string value = key.show(command, reveal);
            if (value == key.show(ExecCommand(), reveal)) continue;
            const auto dot = key.path.find('.');
            std::string indent = "\n      ";
            if (dot != std::string_view::npos) {
                if (section != key.path.substr(0, dot)) {
                    section = key.path.substr(0, dot);
                    out += indent + section + ':';
                }
                indent += "  ";
            }
            out += indent + std::string(key.path.substr(dot == std::string_view::npos ? 0 : dot + 1)) + ": " + value;
        }
    }
    return out;
}

}  // namespace jiro::config
