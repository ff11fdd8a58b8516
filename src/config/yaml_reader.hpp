// SPDX-License-Identifier: MIT
#pragma once
// YAML or JSON text to nodes. Several documents one after the other, JSON objects pasted below each other included,
// count as one: their top-level members are put together. Hostile text costs an error, not the stack or the memory:
// size, depth and number of nodes are limited, anchors, aliases and tags are refused. The only file that knows yaml-cpp
// is its .cpp.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "config/node.hpp"

namespace jiro::config {

// What no text of a configuration holds: bytes that are no UTF-8, and control characters but for tabs and line ends. Of
// a file, of each text in it once its escapes are resolved, and of a variable.
[[nodiscard]] std::optional<TextFault> find_fault_of_text(std::string_view text);

inline constexpr int kMaxDepth = 32;
inline constexpr std::size_t kMaxNodes = 50'000;

// The top-level map; empty, with a problem added, when the text is not readable. `name` stands for the text in places.
[[nodiscard]] Node read_yaml(std::string_view text, const std::string& name, Problems& problems);

// One YAML value of any kind, from a variable of the environment; every place in it is the variable.
[[nodiscard]] Node read_yaml_value(std::string_view text, const std::string& name, Problems& problems);

}  // namespace jiro::config
