// SPDX-License-Identifier: MIT
#pragma once
// What `check-config --print` shows, and what a reload reports: from the one table of keys (src/config/schema.cpp).
// Pure.

#include <string>
#include <string_view>
#include <vector>

#include "jiro/config/config.hpp"

namespace jiro::config {

// The effective values as YAML, each with its provenance as a comment; secrets are '***'.
[[nodiscard]] std::string print_effective(const Config& config);

// What a changed key takes to come into force.
enum class Effect {
    in_place,         // the next attempt, command or line uses it
    reconnects_hub,   // the hub connection is closed and opened anew
    reconnects_grpc,  // the gRPC channel is made anew
    restart,          // only a restart of the daemon
};
[[nodiscard]] std::string_view to_string(Effect effect);

struct KeyEffect {
    std::string_view path;
    Effect effect;
};
// The keys whose values differ, in the order of the documentation.
[[nodiscard]] std::vector<KeyEffect> changes(const Config& before, const Config& after);

// `running` with the values that these keys have in `loaded`.
[[nodiscard]] Config with_keys(Config running, const Config& loaded, const std::vector<std::string>& paths);

// What a reload puts in force: `loaded`, with the running values of the keys that only a restart can change.
[[nodiscard]] Config in_force(Config loaded, const Config& running);

}  // namespace jiro::config
