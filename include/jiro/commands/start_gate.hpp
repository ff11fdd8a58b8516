// SPDX-License-Identifier: MIT
#pragma once
// Whether commands may start. The Dispatcher asks before each start, but not for those that only look or control;
// Dispatcher::gate_changed() tells it when to ask again. Implemented by the daemon's Pause. Event loop only.

#include <optional>
#include <string>

namespace jiro::commands {

struct GateClosed {
    std::string why;       // "paused: kernel update"; in the results of commands that were refused, or waited too long
    bool refuses = false;  // what arrives; else it waits for its turn
};

class StartGate {
  public:
    virtual ~StartGate() = default;
    // Nothing: it is open. Called for each command: it must not wait.
    [[nodiscard]] virtual std::optional<GateClosed> closed() = 0;
};

}  // namespace jiro::commands
