// SPDX-License-Identifier: MIT
#pragma once
// The delay that a server asks for in a status' details (google.rpc.RetryInfo), read by hand: the details are a
// serialised google.rpc.Status, and linking Google's common protos for two fields is not worth it.

#include <optional>
#include <string_view>

#include "jiro/base/bounded_duration.hpp"

namespace jiro::delivery {

// nullopt when there is none, it is negative, or the bytes are garbage.
[[nodiscard]] std::optional<BoundedDuration> retry_info(std::string_view status_details);

}  // namespace jiro::delivery
