// SPDX-License-Identifier: MIT
#pragma once
// Typed getters: a node as a number, a duration, a URL... Each returns nullopt after it has added a problem that says
// what is allowed. And the way back: values as YAML text.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.hpp"
#include "jiro/base/url.hpp"

namespace jiro::config {

// What reading a value needs besides the value.
struct Context {
    Problems& problems;
    std::vector<Warning>& warnings;
    const Environment& environment;
    // Where each key stands that has been read, those inside Commands.Exec too; for what is checked afterwards.
    std::map<std::string, Place, std::less<>>& places;
    SecretsByKey& secrets;
    std::string path;  // of the key that is being read

    void keep_secret(Secret secret) const { secrets[path].push_back(std::move(secret)); }
    // Returns nullopt, for readers that return what they read.
    std::nullopt_t fail(const Place& place, std::string message) const {
        problems.add(place, path, std::move(message));
        return std::nullopt;
    }
    void warn(const Place& place, std::string_view message) const;
    [[nodiscard]] Context inside(const Member& member) const;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct WholeNumberRange {
    std::int64_t low;
    std::int64_t high;
};
struct DecimalRange {
    double low;
    double high;
};
[[nodiscard]] std::string decimal_text(double value);
[[nodiscard]] std::string allowed_text(DecimalRange range);                         // "0 to 1.5"
[[nodiscard]] std::string allowed_text(WholeNumberRange range);                     // "1 to 10"
[[nodiscard]] std::string allowed_text(std::span<const std::string_view> choices);  // "a, b or c"

[[nodiscard]] std::optional<std::int64_t> read_whole_number(const Node& node, WholeNumberRange range,
                                                            const Context& context);
[[nodiscard]] std::optional<double> read_decimal(const Node& node, DecimalRange range, const Context& context);
[[nodiscard]] std::optional<bool> read_flag(const Node& node, const Context& context);
[[nodiscard]] std::optional<std::string> read_text(const Node& node, const Context& context);
// Text in which ${hostname} and ${machine-id} (machine.hpp) are replaced.
[[nodiscard]] std::optional<std::string> read_text_with_facts(const Node& node, const Context& context);
// The position in `choices`.
[[nodiscard]] std::optional<std::size_t> read_choice(const Node& node, std::span<const std::string_view> choices,
                                                     const Context& context);
// `schemes` as in "http or https", for the message.
[[nodiscard]] std::optional<Url> read_url(const Node& node, std::span<const std::string_view> schemes,
                                          const Context& context);
// Absolute after ${STATE_DIRECTORY}, ${CREDENTIALS_DIRECTORY} and ${RUNTIME_DIRECTORY} are replaced. A directory that
// is not set where the configuration is only checked stays as it is written, with a warning.
[[nodiscard]] std::optional<std::string> read_path(const Node& node, const Context& context);
[[nodiscard]] std::optional<std::vector<std::string>> read_texts(const Node& node, const Context& context);
[[nodiscard]] std::optional<Pairs> read_text_map(const Node& node, const Context& context);

// Replaces the ${..._DIRECTORY} at the beginning of a path. Error: the variable's name, when it is not set.
struct ExpandedPath {
    std::string path;
    std::string unknown;  // ${NAME} that is none of the three: its NAME
    std::string not_set;  // one of the three that has no value: its NAME
};
[[nodiscard]] ExpandedPath expand_path(std::string_view path, const Environment& environment);

[[nodiscard]] std::string yaml_text(std::string_view text);  // plain where that is safe, else quoted
[[nodiscard]] std::string yaml_list(std::span<const std::string> texts);
[[nodiscard]] std::string yaml_map(const Pairs& pairs);

}  // namespace jiro::config
