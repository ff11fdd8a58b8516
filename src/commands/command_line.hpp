// SPDX-License-Identifier: MIT
#pragma once
// A command's text taken apart: its name (the first word, without a leading `$`) and its words. Pure; fuzzed.
//
// The words are those of base/text.hpp. Nothing is expanded: no variables, no globs, no substitution.

#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

struct CommandLine {
    std::string_view name;       // empty: the text has no word
    std::string_view arguments;  // what follows the name, without the white space around it
};

// The views point into `text`.
[[nodiscard]] CommandLine split_name(std::string_view text) noexcept;
// The same for a text whose prefix is taken off: it begins with the name.
[[nodiscard]] CommandLine name_and_arguments(std::string_view text) noexcept;

// Both fail with errc::unclosed_quote or errc::dangling_escape.
[[nodiscard]] inline Result<std::vector<std::string>> split_words(std::string_view text) {
    return jiro::split_words(text, {errc::unclosed_quote, errc::dangling_escape});
}
[[nodiscard]] inline std::optional<Error> check_words(std::string_view text) {
    return jiro::check_words(text, {errc::unclosed_quote, errc::dangling_escape});
}

}  // namespace jiro::commands
