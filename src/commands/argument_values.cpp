// SPDX-License-Identifier: MIT
#include "commands/argument_values.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

Result<ArgumentValues> values_of(std::string_view command, const std::vector<std::string_view>& declared,
                                 const std::vector<std::string>& words, const Parameters& parameters,
                                 std::vector<std::string>* rest) {
    ArgumentValues values(declared.size());
    for (const auto& [name, value] : parameters) {
        const auto found = std::ranges::find_if(
            declared, [&name = name](std::string_view known) { return equal_ignoring_case(known, name); });
        if (found != declared.end()) values[static_cast<std::size_t>(found - declared.begin())] = value;
    }
    auto next = values.begin();
    for (const auto& word : words) {
        next = std::find(next, values.end(), std::nullopt);
        if (next != values.end()) {
            *next = word;
        } else if (rest != nullptr) {
            rest->push_back(word);
        } else {
            return Error(errc::bad_argument,
                         std::string(command) + ": too many arguments, starting with \"" + excerpt(word) + '"');
        }
    }
    return values;
}

Error missing_argument(std::string_view command, std::string_view name) {
    return Error(errc::bad_argument, std::string(command) + ": the argument " + std::string(name) + " is missing");
}

}  // namespace jiro::commands
