// SPDX-License-Identifier: MIT
#pragma once
// A YAML text as plain data with places: what the rest of the module works on, so that yaml-cpp stays in one file.

#include <string>
#include <vector>

#include "jiro/config/load.hpp"

namespace jiro::config {

// Where something stands. `file` may also be "environment JIRO_X"; line 0: no line.
struct Place {
    std::string file;
    int line = 0;
    int column = 0;
};

// What is wrong with a text, and at which byte of it.
struct TextFault {
    std::size_t at = 0;
    std::string message;
};

// "config.yaml:3" or "environment JIRO_X"
[[nodiscard]] std::string to_string(const Place& place);

struct Member;

struct Node {
    enum class Kind { null, scalar, sequence, map };

    Kind kind = Kind::null;
    Place place;
    std::string text;             // of a scalar
    bool quoted = false;          // a quoted scalar is text even when it looks like a number
    std::vector<Node> items;      // of a sequence
    std::vector<Member> members;  // of a map, as written, duplicates included
};

struct Member {
    std::string key;
    Place place;
    Node value;
};

// "a map", "a list", "text", "nothing": for messages.
[[nodiscard]] std::string_view kind_name(const Node& node);

// Collects everything that is wrong.
class Problems {
  public:
    void add(const Place& place, std::string_view key_path, std::string message);
    [[nodiscard]] bool empty() const noexcept { return errors_.empty(); }
    // Whether something is wrong already with this key, or with one around it.
    [[nodiscard]] bool concern(std::string_view key_path) const;
    // Sorted by place: what stands in `first_file` comes first.
    [[nodiscard]] std::vector<ConfigError> sorted(std::string_view first_file) &&;

  private:
    std::vector<ConfigError> errors_;
};

}  // namespace jiro::config
