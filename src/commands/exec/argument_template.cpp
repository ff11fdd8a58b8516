// SPDX-License-Identifier: MIT
#include "commands/exec/argument_template.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"

namespace jiro::commands {

namespace {

constexpr std::string_view kRest = "args...";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

bool is_parameter_name(std::string_view name) noexcept {
    return !name.empty() && is_letter(name.front()) &&
           std::ranges::all_of(name, [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

ArgumentTemplate parse_template(std::string_view text) {
    ArgumentTemplate parts;
    std::string literal;
    const auto end_literal = [&] {
        if (!literal.empty()) parts.push_back({TemplatePart::Kind::text, std::move(literal)});
        literal.clear();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
            literal += c;
            ++i;
            continue;
        }
        const auto close = c == '{' ? text.find('}', i) : std::string_view::npos;
        const auto name = close == std::string_view::npos ? std::string_view() : text.substr(i + 1, close - i - 1);
        const bool is_rest = equal_ignoring_case(name, kRest);
        if (!is_rest && !is_parameter_name(name)) {
            literal += c;
            continue;
        }
        end_literal();
        parts.push_back({is_rest ? TemplatePart::Kind::rest : TemplatePart::Kind::parameter, std::string(name)});
        i = close;
    }
    end_literal();
    return parts;
}

}  // namespace jiro::commands
