// SPDX-License-Identifier: MIT
#pragma once
// What a token or key is, wherever it is written: in a file of its own, in the configuration or in a variable. One rule
// for all three.

#include <optional>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"

namespace jiro::config {

// Without what editors and shells leave around a value (a byte order mark, blanks, line ends).
[[nodiscard]] Secret clean_secret(std::string_view text);
// Nothing; or why it is none, when nothing is left, or what no header can carry. The message has nothing of it.
[[nodiscard]] std::optional<Error> why_no_secret(const Secret& secret);

// "Bearer abc" in the place of "abc": whoever sends it puts that word ahead himself.
[[nodiscard]] bool begins_with_bearer(const Secret& secret);

}  // namespace jiro::config
