#pragma once
// The quick way from a record to its JSON tree: Boost.JSON's parser, which takes the characters of a text many at a
// time, builds the tree that everybody here uses. It gives up on what the two libraries may read differently
// (fractions, numbers of more than 64 bits); that and every refusal is left to the thorough parser (json_reader). Pure.

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace jiro::signalr {

// nullopt: not JSON, nested deeper than `max_depth`, or left to the thorough parser.
[[nodiscard]] std::optional<nlohmann::json> read_json_tree(std::string_view text, int max_depth);

}  // namespace jiro::signalr
