// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <boost/algorithm/string/replace.hpp>

#include "config/schema.hpp"
#include "jiro/base/log.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

using commands::ExecCommand;
using commands::ExecParameter;

namespace {

constexpr std::int64_t kTiB = 1024LL * 1024 * kMiB;

constexpr std::array<std::string_view, 7> kResults{"auto", "text", "json", "markdown", "html", "base64", "graph"};
constexpr std::array<std::string_view, 2> kStdin{"none", "message"};
constexpr std::array<std::string_view, 4> kTypes{"text", "integer", "number", "boolean"};

using Texts = std::vector<std::string>;

bool read_list(const Node& node, Texts& target, const Context& context) {
    return assign(read_texts(node, context), target);
}

std::string show_list(const Texts& texts, Reveal) { return yaml_list(texts); }

// Some pass a password in an argument.
std::string show_program(const Texts& words, Reveal reveal) {
    return yaml_list(reveal == Reveal::masked ? log::scrubbed(words) : words);
}

// As a list: argv. As text: the script, or what is split at spaces once Shell is known.
bool read_program(const Node& node, Texts& program, const Context& context) {
    if (node.kind != Node::Kind::scalar) return read_list(node, program, context);
    program = {node.text};
    return true;
}

void split_program(const Node& definition, ExecCommand& command, const Context& context) {
    const auto program =
        std::ranges::find(definition.members, "program", [](const Member& member) { return lower_case(member.key); });
    if (command.shell || program == definition.members.end() || program->value.kind != Node::Kind::scalar) return;
    const std::string& text = program->value.text;
    const bool has_quotes = text.find_first_of("\"'\\") != std::string::npos;
    if (auto words = split_words(text, {}); words && !has_quotes) {
        command.program = std::move(*words);
    } else {
        context.problems.add(program->value.place, context.path + ".Program",
                             "quotes are not understood here: write a list, [/path/of/program, argument]");
    }
}

bool is_map_of_definitions(const Node& node, const Context& context) {
    if (node.kind == Node::Kind::map) return true;
    context.fail(node.place, "must be a map of names to definitions, not " + std::string(kind_name(node)));
    return false;
}

bool read_parameters(const Node& node, std::vector<ExecParameter>& parameters, const Context& context) {
    if (!is_map_of_definitions(node, context)) return false;
    for (const Member& member : node.members) {
        const Context inner = context.inside(member);
        ExecParameter parameter;
        parameter.name = member.key;
        if (member.value.kind == Node::Kind::map) {
            read_keys(exec_parameter_schema(), member.value, parameter, inner);
        } else if (member.value.kind != Node::Kind::null) {
            inner.fail(member.value.place, "must be a map, not " + std::string(kind_name(member.value)));
        }
        parameters.push_back(std::move(parameter));
    }
    return true;
}

bool read_variables(const Node& node, Pairs& variables, const Context& context) {
    return assign(read_text_map(node, context), variables);
}

// Files by path; what else is a name is known only with the whole definition.
bool read_redacted(const Node& node, Texts& target, const Context& context) {
    if (!read_list(node, target, context)) return false;
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (!target[i].starts_with('/') && !target[i].starts_with('$')) continue;
        auto path = read_path(node.items[i], context);
        if (!path) return false;
        target[i] = std::move(*path);
    }
    return true;
}

std::string show_parameters(const std::vector<ExecParameter>& parameters, Reveal reveal) {
    std::string out;
    for (const ExecParameter& parameter : parameters) {
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
std::string show_variables(const Pairs& variables, Reveal reveal) {
    Pairs shown = variables;
    for (auto& [name, value] : shown) value = reveal == Reveal::masked ? "***" : value;
    return yaml_map(shown);
}

// Exit codes of programs.
struct CodeList : KindInfo {
    CodeList(WholeNumberRange allowed_range, bool null_is_none)
        : KindInfo{"list", allowed_text(allowed_range), null_is_none}, range(allowed_range) {}

    bool read(const Node& node, std::vector<int>& codes, const Context& context) const {
        if (node.kind != Node::Kind::sequence) {
            context.fail(node.place, "must be a list of whole numbers from " + allowed);
            return false;
        }
        codes.clear();
        for (const Node& item : node.items) {
            if (const auto code = read_whole_number(item, range, context)) codes.push_back(static_cast<int>(*code));
        }
        return true;
    }
    std::string show(const std::vector<int>& codes, Reveal) const {
        std::string out = "[";
        for (const int code : codes) out += (out.size() > 1 ? ", " : "") + std::to_string(code);
        return out + ']';
    }

    WholeNumberRange range;
};

#define MEMBER(expression) \
    [](auto& target) -> auto& { return target.expression; }

// A table of keys of T.
template <typename T>
constexpr auto kKeyOf = [](std::string_view path, auto kind, auto member, std::string_view description) {
    return make_key<T>(path, std::move(kind), member, Effect::in_place, description);
};

std::vector<Key<ExecCommand>> make_exec_schema() {
    constexpr auto key = kKeyOf<ExecCommand>;
    return {
        key("Description", Text(), MEMBER(description), "One line, shown by `help`."),
        key("Program", Special<Texts>({"list or text", "begins with an absolute path"}, read_program, show_program),
            MEMBER(program),
            "The program and its arguments; `{name}` in an argument stands for a parameter. With Shell: the script."),
        key("Shell", Flag(), MEMBER(shell),
            "Run Program as a script of /bin/sh. Parameters reach it as JIRO_PARAM_NAME, never as part of its text."),
        key("Parameters", Special<std::vector<ExecParameter>>({"map", {}, true}, read_parameters, show_parameters),
            MEMBER(parameters), "The parameters that are accepted, in the order in which bare words fill them."),
        key("TimeoutMs", Number("milliseconds", {1, 30 * kDayMs}), MEMBER(timeout),
            "Time limit. null: Commands.TimeoutMs."),
        key("KillGraceMs", Number("milliseconds", {0, 600'000}), MEMBER(kill_grace),
            "How long after SIGTERM a program that goes on gets SIGKILL."),
        key("Result", Choice(kResults), MEMBER(result), "What the program's standard output is."),
        key("Stdin", Choice(kStdin), MEMBER(standard_input),
            "What the program reads: nothing, or the command message as one JSON object."),
        key("Environment", Special<Pairs>({"map", {}, true}, read_variables, show_variables), MEMBER(environment),
            "Variables added to the small base environment; nothing else is inherited."),
        key("Redact", Special<Texts>({"list", {}, true}, read_redacted, show_list), MEMBER(redact),
            "Variables of Environment, by name, and files, by path (${CREDENTIALS_DIRECTORY}/NAME for a credential), "
            "whose "
            "values become *** in what the program prints. 6 characters or more."),
        key("WorkingDirectory", PathText(), MEMBER(working_directory), "Where the program starts."),
        key("MaxOutputBytes", Number("bytes", {0, 64 * kMiB}), MEMBER(max_output_bytes),
            "Of longer output the beginning and the end are kept."),
        key("SuccessExitCodes", CodeList({0, 255}, false), MEMBER(success_exit_codes),
            "Exit codes that count as success."),
        key("Idempotent", Flag(), MEMBER(idempotent),
            "May be run a second time when the daemon died while it ran; else its outcome is \"interrupted\"."),
        key("Survives", Flag(), MEMBER(survives),
            "The program goes on while the daemon is restarted, and its real outcome is reported then. For programs "
            "that "
            "systemd starts (RunAs: unit)."),
        // 0 is what a program ends with that wants nothing.
        key("RebootExitCodes", CodeList({1, 255}, true), MEMBER(reboot_exit_codes),
            "Exit codes by which the program asks for the machine's restart: the command waits for another boot and "
            "runs "
            "again, with JIRO_RESUMED=1, 2, ..."),
        key("MaxResumes", Number("whole number", {1, 100}), MEMBER(max_resumes),
            "How often one command may be resumed after a restart of the machine."),
        key("ResumeWithinMs", Number("milliseconds", {1000, 30 * kDayMs}), MEMBER(resume_within),
            "How long the machine's restart may take from the program's end; then the command has failed."),
        key("MaxConcurrent", Number("whole number", {0, 10'000}), MEMBER(max_concurrent),
            "Runs of this command at the same time; 0: only Commands.MaxConcurrent counts."),
        key("Limits.CpuSeconds", Number("seconds", {1, 31'536'000}), MEMBER(limits.cpu),
            "Processor time of one run. null: no limit of its own, as below."),
        key("Limits.MemoryBytes", Number("bytes", {kMiB, kTiB}), MEMBER(limits.memory_bytes),
            "Address space of each process."),
        key("Limits.OpenFiles", Number("whole number", {3, 1'000'000}), MEMBER(limits.open_files),
            "Open files of each process."),
        key("Limits.Processes", Number("whole number", {1, 1'000'000}), MEMBER(limits.processes),
            "Processes in the program's unit; with RunAs: daemon, of the daemon's user, all commands together."),
        key("Limits.FileBytes", Number("bytes", {0, kTiB}), MEMBER(limits.file_bytes),
            "Largest file that may be written."),
    };
}

std::vector<Key<ExecParameter>> make_parameter_schema() {
    constexpr auto key = kKeyOf<ExecParameter>;
    return {
        key("Description", Text(), MEMBER(description), "One line, shown by `help NAME`."),
        key("Type", Choice(kTypes), MEMBER(type), "What the value must look like."),
        key("Pattern", Text("Perl regular expression"), MEMBER(pattern),
            "The whole value must match; `.` does not match a line break."),
        key("Enum", TextList(), MEMBER(allowed_values), "The values that are allowed; empty: any."),
        key("Default", Text(), MEMBER(default_value), "The value when none is given; makes the parameter optional."),
        key("Required", Flag(), MEMBER(required), "false: may be missing, its argument is then left out."),
        key("MinLength", Number("bytes", {0, kMiB}), MEMBER(min_length), "Shortest value; 0 allows an empty one."),
        key("MaxLength", Number("bytes", {0, kMiB}), MEMBER(max_length), "Longest value."),
        key("AllowLeadingDash", Flag(), MEMBER(allow_leading_dash),
            "Accept a value such as -rf, which most programs take for an option."),
    };
}

#undef MEMBER

}  // namespace

std::span<const Key<ExecCommand>> exec_schema() {
    static const std::vector<Key<ExecCommand>> keys = make_exec_schema();
    return keys;
}

std::span<const Key<ExecParameter>> exec_parameter_schema() {
    static const std::vector<Key<ExecParameter>> keys = make_parameter_schema();
    return keys;
}

ExecCommand read_exec_command(const Member& member, const Context& context) {
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

bool read_exec_commands(const Node& node, std::vector<ExecCommand>& commands, const Context& context) {
    if (!is_map_of_definitions(node, context)) return false;
    commands.clear();
    for (const Member& member : node.members) commands.push_back(read_exec_command(member, context.inside(member)));
    return true;
}

std::string show_exec_commands(const std::vector<ExecCommand>& commands, Reveal reveal) {
    if (commands.empty()) return "{}";
    std::string out;
    for (const ExecCommand& command : commands) {
        out += "\n    " + yaml_text(command.name) + ":";
        if (reveal == Reveal::masked && !command.source.empty()) out += "  # " + command.source;
        std::string lines;
        std::string section;
        for (const auto& key : exec_schema()) {
            const std::string value = key.show(command, reveal);
            if (value == key.show(ExecCommand(), reveal)) continue;
            begin_key(key.path, section, lines += '\n');
            lines += ' ' + value;
        }
        out += boost::algorithm::replace_all_copy(lines, "\n", "\n      ");
    }
    return out;
}

}  // namespace jiro::config
