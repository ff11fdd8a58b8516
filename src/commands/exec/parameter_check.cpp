// SPDX-License-Identifier: MIT
// Boost.Regex, not std::regex: it does not recurse for each character, so a hostile value cannot overflow the stack.
// Nor can one hold the event loop for long: Character counts.
#include "commands/exec/parameter_check.hpp"

#include <algorithm>
#include <boost/iterator/iterator_adaptor.hpp>
#include <boost/regex.hpp>
#include <stdexcept>

#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

struct CheckedParameter::Pattern {
    // Of code points: of bytes, "[a-z\u00e4]" would match half of a letter, and of another one. What is a letter, and
    // which two differ in their case alone, is known for ASCII only.
    boost::wregex expression;
};

namespace {

constexpr std::size_t kLongestPattern = 1024;
constexpr std::size_t kMostLooks = 1'000'000;  // at a value's characters, besides some at each

// A place in a value. Boost's own limit grows with the square of the pattern's length, to minutes; so the matcher's
// looks at the value are counted, and one too many ends it.
class Character : public boost::iterator_adaptor<Character, const wchar_t*, wchar_t, boost::use_default, wchar_t> {
  public:
    Character() = default;
    Character(const wchar_t* at, std::size_t& looks_left) : iterator_adaptor_(at), looks_left_(&looks_left) {}

  private:
    friend class boost::iterator_core_access;

    [[nodiscard]] wchar_t dereference() const {
        if ((*looks_left_)-- == 0) throw std::runtime_error("too many");
        return *base();
    }

    std::size_t* looks_left_ = nullptr;
};

bool matches(std::string_view value, const boost::wregex& expression) {
    // In Boost `.` matches a line break, and ^ and $ match at every one, unless told otherwise: then "[a-z]+.*" would
    // let a second line in.
    const auto flags = boost::match_not_dot_newline | boost::match_single_line;
    const std::wstring text = code_points(value);
    std::size_t looks_left = kMostLooks + 10 * text.size();
    return boost::regex_match(Character(text.data(), looks_left), Character(text.data() + text.size(), looks_left),
                              expression, flags);
}

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
    if (!is_utf8(*definition_.pattern)) throw std::invalid_argument("is not UTF-8");
    try {
        pattern_ = std::make_shared<const Pattern>(Pattern{boost::wregex(code_points(*definition_.pattern))});
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
        if (matches(value, pattern_->expression)) return std::nullopt;
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
