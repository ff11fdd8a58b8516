// SPDX-License-Identifier: MIT
#pragma once
// What a configuration may say of the machine that it is for, so that one text serves a fleet: ${hostname} and
// ${machine-id} in InstanceId and in the values of WebSocket.Headers.

#include <functional>
#include <string>
#include <string_view>

#include "jiro/base/error.hpp"

namespace jiro::config {

// The value of "hostname" or "machine-id" here; the error says why there is none. Reads /etc/machine-id.
[[nodiscard]] Result<std::string> fact_of_machine(std::string_view name);

// `text` with each ${NAME} replaced by `fact`'s answer, whose first error is this function's. Pure but for `fact`.
[[nodiscard]] Result<std::string> with_machine_facts(
    std::string_view text, const std::function<Result<std::string>(std::string_view)>& fact = fact_of_machine);

}  // namespace jiro::config
