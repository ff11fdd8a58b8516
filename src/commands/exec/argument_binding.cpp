// SPDX-License-Identifier: MIT
#include "commands/exec/argument_binding.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "jiro/base/text.hpp"
#include "jiro/commands/command_message.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

using Kind = TemplatePart::Kind;

constexpr std::string_view kRestName = "args";

std::string variable_name(std::string_view parameter) {
    std::string name = kParameterVariables + upper_case(parameter);
    std::ranges::replace(name, '-', '_');
    return name;
}

// "{host}" anywhere in a script, but for the shell's own "${host}".
bool is_pasted(std::string_view script, const std::string& parameter) {
    for (auto found = script.find(parameter); found != std::string_view::npos;
         found = script.find(parameter, found + 1)) {
        if (found == 0 || script[found - 1] != '$') return true;
    }
    return false;
}

bool is_named_as_path(std::string_view parameter) {
    const auto name = lower_case(parameter);
    return !name.ends_with("profile") &&
           std::ranges::any_of(std::array{"path", "file", "filename", "dir", "directory", "folder"},
                               [&](const char* word) { return name.ends_with(word); });
}

// "/srv/data/{name}": a value beside a slash.
bool is_part_of_path(const ExecCommand& command, std::string_view parameter) {
    const auto is_slashed = [&](const std::string& element) {
        const auto parts = parse_template(element);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (parts[i].kind != Kind::parameter || !equal_ignoring_case(parts[i].text, parameter)) continue;
            if (i > 0 && parts[i - 1].text.ends_with('/')) return true;
            if (i + 1 < parts.size() && parts[i + 1].text.starts_with('/')) return true;
        }
        return false;
    };
    return !command.shell && std::ranges::any_of(command.program, is_slashed);
}

// A parameter that is kept although its pattern is wrong: Program may name it.
CheckedParameter without_bad_pattern(ExecParameter parameter, const std::string& key,
                                     std::vector<std::string>& problems) {
    try {
        return CheckedParameter(parameter);
    } catch (const std::invalid_argument& error) {
        problems.push_back(key + ".Pattern: " + error.what());
        parameter.pattern.reset();
        return CheckedParameter(std::move(parameter));
    }
}

Error bad(std::string text) { return Error(errc::bad_argument, std::move(text)); }

}  // namespace

ArgumentBinding::ArgumentBinding(const ExecCommand& command, std::vector<std::string>& problems)
    : name_(command.name), shell_(command.shell) {
    if (command.parameters.size() > MessageLimits().parameter_count) {
        problems.push_back("Parameters: " + std::to_string(command.parameters.size()) + " are given, at most " +
                           std::to_string(MessageLimits().parameter_count) + " are allowed");
        return;
    }
    std::optional<CheckedParameter> rest;
    std::set<std::string> variables;  // "a-b" and "A_B" are one
    for (const auto& parameter : command.parameters) {
        const std::string key = "Parameters." + parameter.name;
        if (!is_parameter_name(parameter.name)) {
            problems.push_back(key +
                               ": the name of a parameter has letters, digits, _ and -, and begins with no digit");
            continue;
        }
        if (!variables.insert(variable_name(parameter.name)).second) problems.push_back(key + ": is given twice");
        if (parameter.min_length > parameter.max_length) {
            problems.push_back(key + ": MinLength is greater than MaxLength");
        }
        auto checked = without_bad_pattern(parameter, key, problems);
        if (parameter.default_value) {
            const auto violation = checked.violation(*parameter.default_value);
            if (violation) problems.push_back(key + ".Default: \"" + *parameter.default_value + "\" " + *violation);
        }
        if (equal_ignoring_case(parameter.name, kRestName)) {
            rest = std::move(checked);
        } else {
            parameters_.push_back(std::move(checked));
        }
    }
    if (command.program.empty() || command.program.front().empty()) {
        problems.emplace_back("Program: is missing: the absolute path of a program, and its arguments");
    } else if (shell_) {
        read_shell_script(command, problems);
        rest_ = rest;
    } else {
        read_program(command, problems);
        if (rest_) rest_ = rest.value_or(*rest_);
        if (rest && !rest_) problems.emplace_back("Parameters.args: Program has no {args...}");
    }
}

void ArgumentBinding::read_program(const ExecCommand& command, std::vector<std::string>& problems) {
    for (const auto& element : command.program) {
        if (element.find('\0') != std::string::npos) problems.emplace_back("Program: holds a NUL");
        program_.push_back(parse_template(element));
        const auto& parts = program_.back();
        for (const auto& part : parts) {
            if (part.kind == Kind::rest) {
                if (parts.size() != 1)
                    problems.push_back("Program: {args...} must be an element of its own: " + element);
                if (rest_) problems.emplace_back("Program: {args...} is there twice");
                ExecParameter any;
                any.name = kRestName;
                rest_.emplace(std::move(any));
            }
            if (part.kind != Kind::parameter || index_of(part.text) < parameters_.size()) continue;
            std::vector<std::string_view> known;
            for (const auto& parameter : parameters_) known.push_back(parameter.definition().name);
            problems.push_back("Program: {" + part.text + "} is not in Parameters" +
                               did_you_mean(part.text, known, "; did you mean {", "}?"));
        }
    }
    const auto& path = program_.front();
    if (path.size() != 1 || path.front().kind != Kind::text || !path.front().text.starts_with('/')) {
        problems.push_back(
            "Program: must begin with the absolute path of a program, which must not come from a parameter: " +
            command.program.front());
    }
}

void ArgumentBinding::read_shell_script(const ExecCommand& command, std::vector<std::string>& problems) {
    if (command.program.size() != 1) {
        problems.emplace_back("Program: must be one text, the script, when Shell is true");
    }
    script_ = command.program.front();
    if (script_.find('\0') != std::string::npos) problems.emplace_back("Program: holds a NUL");
    const auto script = lower_case(script_);  // names of parameters are the same in upper and lower case
    for (const auto& parameter : parameters_) {
        const auto& name = parameter.definition().name;
        if (!is_pasted(script, '{' + lower_case(name) + '}')) continue;
        problems.push_back("Program: values are never pasted into a shell script; write \"$" + variable_name(name) +
                           "\" instead of {" + name + '}');
    }
}

std::size_t ArgumentBinding::index_of(std::string_view name) const noexcept {
    const auto found = std::ranges::find_if(
        parameters_, [&](const auto& parameter) { return equal_ignoring_case(parameter.definition().name, name); });
    return static_cast<std::size_t>(found - parameters_.begin());
}

Result<ArgumentValues> ArgumentBinding::checked_values(const std::vector<std::string>& words,
                                                       const Parameters& parameters,
                                                       std::vector<std::string>& rest) const {
    std::vector<std::string_view> declared;
    for (const auto& parameter : parameters_) declared.push_back(parameter.definition().name);
    auto values = values_of(name_, declared, words, parameters, rest_ ? &rest : nullptr);
    if (!values) return values;
    for (std::size_t i = 0; i < values->size(); ++i) {
        const auto& definition = parameters_[i].definition();
        auto& value = (*values)[i];
        if (!value) value = definition.default_value;
        if (!value) {
            if (definition.required) return missing_argument(name_, definition.name);
            continue;
        }
        const auto violation = parameters_[i].violation(*value);
        if (violation) return bad(name_ + ": " + definition.name + " \"" + excerpt(*value, 64) + "\" " + *violation);
    }
    for (const auto& word : rest) {
        const auto violation = rest_->violation(word);
        if (violation) return bad(name_ + ": argument \"" + excerpt(word, 64) + "\" " + *violation);
    }
    return values;
}

std::vector<std::string> ArgumentBinding::fill_program(const ArgumentValues& values,
                                                       const std::vector<std::string>& rest) const {
    std::vector<std::string> argv;
    for (const auto& parts : program_) {
        if (parts.size() == 1 && parts.front().kind == Kind::rest) {
            argv.insert(argv.end(), rest.begin(), rest.end());
            continue;
        }
        std::string element;
        bool complete = true;  // an element with an optional value that was not given is left out
        for (const auto& part : parts) {
            if (part.kind == Kind::text) {
                element += part.text;
            } else if (const auto& value = values[index_of(part.text)]) {
                element += *value;
            } else {
                complete = false;
            }
        }
        if (complete) argv.push_back(std::move(element));
    }
    return argv;
}

Result<ArgumentBinding::Bound> ArgumentBinding::bind(const std::vector<std::string>& words,
                                                     const Parameters& parameters) const {
    std::vector<std::string> rest;
    auto values = checked_values(words, parameters, rest);
    if (!values) return values.error();
    Bound bound;
    if (shell_) {
        // sh -c SCRIPT NAME VALUES...: $0 is the command's name, $1... are the values.
        bound.argv = {"/bin/sh", "-c", script_, name_};
        for (const auto& value : *values) bound.argv.push_back(value.value_or(""));
        bound.argv.insert(bound.argv.end(), rest.begin(), rest.end());
    } else {
        bound.argv = fill_program(*values, rest);
    }
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        if ((*values)[i])
            bound.environment.emplace_back(variable_name(parameters_[i].definition().name), *(*values)[i]);
    }
    return bound;
}

std::vector<Problem> open_paths(const Settings& settings) {
    std::vector<Problem> found;
    for (const auto& command : settings.exec) {
        for (const auto& parameter : command.parameters) {
            const bool is_open =
                parameter.type == ExecParameter::Type::text && !parameter.pattern && parameter.allowed_values.empty();
            if (is_open && (is_named_as_path(parameter.name) || is_part_of_path(command, parameter.name))) {
                found.push_back({"Commands.Exec." + command.name + ".Parameters." + parameter.name,
                                 "becomes a part of a path and may be anything, \"../../etc/passwd\" too"});
            }
        }
    }
    return found;
}

}  // namespace jiro::commands
