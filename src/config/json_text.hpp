// SPDX-License-Identifier: MIT
#pragma once
// A configuration that is JSON rather than YAML. The YAML reader takes nearly all of JSON, and gives places; what it
// does not know of JSON is settled here before it looks. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace jiro::config {

// Whether the first thing in the text, blanks, lines of # and YAML's --- aside, is the brace of a JSON object, the
// bracket of a list or a comment.
[[nodiscard]] bool looks_like_json(std::string_view text);

// The same text with blanks in place of comments (// and /* */), which .NET allows in its files; places stay as they
// are.
[[nodiscard]] std::string without_comments(std::string_view text);

struct JsonFinding {
    std::size_t at = 0;  // byte of the text
    std::string message;
};

// What JSON forbids and YAML would misread: a comment of // or /*, or half a surrogate pair. Of a text that looks like
// JSON.
[[nodiscard]] std::optional<JsonFinding> find_fault_of_json(std::string_view text);

// JSON writes a character beyond U+FFFF as two escapes ("\ud83d\ude80"); YAML as one ("\U0001F680").
[[nodiscard]] std::string with_pairs_joined(std::string_view text);

}  // namespace jiro::config
