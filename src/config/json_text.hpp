// SPDX-License-Identifier: MIT
#pragma once
// A configuration that is JSON rather than YAML. The YAML reader takes nearly all of JSON, and gives places; what it
// does not know of JSON is settled here before it looks. What is not JSON from its first byte to its last stays as it
// is: a script in a text of YAML may hold anything. Pure.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/node.hpp"

namespace jiro::config {

struct JsonReading {
    // All of the text is JSON, with comments (// and /* */, which .NET allows in its files; # as in YAML) and trailing
    // commas: the same with blanks in place of the comments. Places stay as they are.
    std::optional<std::string> json;
    // What keeps it from being JSON and is a mistake in YAML, too: a comment, or half a surrogate pair.
    std::optional<TextFault> fault;
};
[[nodiscard]] JsonReading read_as_json(std::string_view text);

// JSON writes a character beyond U+FFFF as two escapes ("\ud83d\ude80"); YAML as one ("\U0001F680"), and takes no pair.
// The text with something of the same length in place of each pair: YAML then tells where its quoted texts begin.
[[nodiscard]] std::string with_pairs_hidden(std::string_view text);
// The text with YAML's escape in place of each pair of its double-quoted texts; `quotes`: where texts begin.
[[nodiscard]] std::string with_pairs_joined(std::string_view text, std::span<const std::size_t> quotes);

}  // namespace jiro::config
