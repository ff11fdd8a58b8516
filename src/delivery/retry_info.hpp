// SPDX-License-Identifier: MIT
#pragma once
// The delay that a server asks for in a status' details, which are a serialised google.rpc.Status with a
// google.rpc.RetryInfo (proto/retry_info.proto: linking Google's common protos for two fields is not worth it).

#include <optional>
#include <string_view>

#include "jiro/base/bounded_duration.hpp"

namespace jiro::delivery {

// nullopt when there is none, it is negative, or the bytes are garbage.
[[nodiscard]] std::optional<BoundedDuration> retry_info(std::string_view status_details);

}  // namespace jiro::delivery
