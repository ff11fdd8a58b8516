// SPDX-License-Identifier: MIT
#pragma once
// One element of a Program: text with `{name}` where a value goes, or `{args...}` alone. `{{` and `}}` stand for
// braces. A brace that encloses no name, as in an awk script, is text. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace jiro::commands {

struct TemplatePart {
    enum class Kind { text, parameter, rest };

    Kind kind = Kind::text;
    std::string text;  // the text, or the parameter's name
};

using ArgumentTemplate = std::vector<TemplatePart>;

[[nodiscard]] ArgumentTemplate parse_template(std::string_view text);

// [A-Za-z_][A-Za-z0-9_-]*: what may stand between the braces.
[[nodiscard]] bool is_parameter_name(std::string_view name) noexcept;

}  // namespace jiro::commands
