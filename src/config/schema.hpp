// SPDX-License-Identifier: MIT
#pragma once
// The table of all keys. Each key stands in it exactly once.

#include <cstdint>
#include <map>
#include <span>

#include "config/key.hpp"

namespace jiro::config {

inline constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;
inline constexpr std::int64_t kMiB = 1024LL * 1024;

[[nodiscard]] std::span<const Key<Config>> schema();

// The keys of one definition in Commands.Exec, and of one entry of its Parameters.
[[nodiscard]] std::span<const Key<commands::ExecCommand>> exec_schema();
[[nodiscard]] std::span<const Key<commands::ExecParameter>> exec_parameter_schema();

// Commands.Exec: its nodes to settings and back.
bool read_exec_commands(const Node& node, std::vector<commands::ExecCommand>& commands, const Context& context);
[[nodiscard]] commands::ExecCommand read_exec_command(const Member& member, const Context& context);
[[nodiscard]] std::string show_exec_commands(const std::vector<commands::ExecCommand>& commands, Reveal reveal);

// Writes `A:` and `  B:` lines where the sections of `path` differ from those before, which are in `current`; then
// `    C:`, behind which the value of the key comes.
void begin_key(std::string_view path, std::string& current, std::string& out);

struct Assigned {
    const Node* node;
    Place place;  // of the key
};

// Which of `paths` the members of `map` set, by position in `paths`. Adds a problem for each key that is unknown or
// given twice, and for a section that is not a map. Names are matched without regard to case. `prefix` stands before
// the paths in messages.
[[nodiscard]] std::map<std::size_t, Assigned> match_keys(const Node& map, std::span<const std::string_view> paths,
                                                         const std::string& prefix, Problems& problems);

// Of the keys that the hub has set (hub_keys.cpp), by position in schema(): the loader and whoever changes them read
// them here. Adds a problem also for each that is not for the hub to set.
[[nodiscard]] std::map<std::size_t, Assigned> match_overlay(const Node& overlay, Problems& problems);

// Reads a whole map: a definition inside Commands.Exec.
template <typename T>
void read_keys(std::span<const Key<T>> keys, const Node& map, T& target, Context context) {
    const auto paths = paths_of(keys);
    const std::string prefix = context.path;
    for (const auto& [index, assigned] : match_keys(map, paths, prefix, context.problems)) {
        context.path = prefix + '.' + std::string(keys[index].path);
        context.places.emplace(context.path, assigned.place);
        keys[index].read(*assigned.node, target, context);
    }
}

}  // namespace jiro::config
