// SPDX-License-Identifier: MIT
// Boost.Regex, not std::regex: it does not recurse for each character and gives up on a pattern that explodes, so a
// hostile value can neither overflow the stack nor hold the event loop for long. The limit is set here, in the one file
// that uses it.
#define BOOST_REGEX_MAX_STATE_COUNT 1000000
#include "commands/exec/parameter_check.hpp"

#include <algorithm>
#include <boost/regex.hpp>
#include <stdexcept>

#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

struct CheckedParameter::Pattern {
    boost::regex expression;
};

namespace {

constexpr std::size_t kLongestPattern = 1024;

bool has_type(std::string_view value, ExecParameter::Type type) {
    switch (type) {
        case ExecParameter::Type::text:
            return true;
        case ExecParameter::Type::integer:
            return parse_number<long long>(value).has_value();
        case ExecParameter::Type::number:
            return parse_number<double>(value) && value.find_first_of("nN") == std::string_view::npos;
        case ExecParameter::Type::boolean:
            return value == "true" || value == "false";
    }
    return false;
}

std::string_view name_of(ExecParameter::Type type) {
    static constexpr std::string_view kNames[] = {"text", "an integer", "a number", "true or false"};
    return kNames[static_cast<std::size_t>(type)];
}

}  // namespace

CheckedParameter::CheckedParameter(ExecParameter parameter) : definition_(std::move(parameter)) {
    if (!definition_.pattern) return;
    if (definition_.pattern->size() > kLongestPattern) {
        throw std::invalid_argument("is longer than " + std::to_string(kLongestPattern) + " bytes");
    }
    try {
        pattern_ = std::make_shared<const Pattern>(Pattern{boost::regex(*definition_.pattern)});
    } catch (const std::exception& error) {
        const std::string why = error.what();  // "What.  The error occurred while ..."
        throw std::invalid_argument("is not a valid regular expression: " + why.substr(0, why.find(".  ")));
    }
}

std::optional<std::string> CheckedParameter::violation(std::string_view value) const {
    if (value.find('\0') != std::string_view::npos) return "holds a NUL";
    if (!is_utf8(value)) return "is not UTF-8";
    if (value.empty() && definition_.min_length > 0) return "is empty (MinLength: 0 would allow it)";
    if (value.size() < definition_.min_length) {
        return "is shorter than " + std::to_string(definition_.min_length) + " bytes";
    }
    if (value.size() > definition_.max_length) {
        return "is longer than " + std::to_string(definition_.max_length) + " bytes";
    }
    if (value.starts_with('-') && !definition_.allow_leading_dash) {
        return "starts with \"-\", which most programs take for an option";
    }
    if (!has_type(value, definition_.type)) return "is not " + std::string(name_of(definition_.type));
    const auto& values = definition_.allowed_values;
    if (!values.empty() && std::ranges::find(values, value) == values.end())
        return "is not one of " + join_with_commas(values);
    if (!pattern_) return std::nullopt;
    try {
        // In Boost `.` matches a line break, and ^ and $ match at every one, unless told otherwise: then "[a-z]+.*"
        // would let a second line in.
        const auto flags = boost::match_not_dot_newline | boost::match_single_line;
        if (boost::regex_match(value.begin(), value.end(), pattern_->expression, flags)) return std::nullopt;
    } catch (const std::exception&) {
        return "cannot be checked: the pattern " + *definition_.pattern + " takes too long on it";
    }
    return "does not match " + *definition_.pattern;
}

std::string CheckedParameter::allowed() const {
    std::string text;
    const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (!definition_.allowed_values.empty()) add("one of " + join_with_commas(definition_.allowed_values));
    if (definition_.type != ExecParameter::Type::text) add(std::string(name_of(definition_.type)));
    if (definition_.pattern) add("matches " + *definition_.pattern);
    return text;
}

}  // namespace jiro::commands
