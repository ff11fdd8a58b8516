// SPDX-License-Identifier: MIT
#pragma once
// What the program tries against the interoperability hub: calls, streams of either direction. Each check throws
// CheckFailed with the difference in words.

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/task.hpp"
#include "jiro/signalr/hub_connection.hpp"

namespace jiro::interop {

struct CheckFailed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

using Check = std::function<Task<>(signalr::HubConnection&, Clock&)>;

// By the name that the scenario gives on the command line.
[[nodiscard]] const std::vector<std::pair<std::string, Check>>& checks();

}  // namespace jiro::interop
