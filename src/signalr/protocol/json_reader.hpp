// SPDX-License-Identifier: MIT
#pragma once
// One record from the hub, read by base/json within the limits of a record, with this module's names for what is wrong.

#include <optional>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/base/json.hpp"

namespace jiro::signalr {

// errc::invalid_json, invalid_utf8, nesting_too_deep, too_many_values or unreadable_value. The error never quotes the
// record; what stood before it was given to `handler`.
[[nodiscard]] std::optional<Error> read_record(std::string_view record, JsonHandler& handler);

// One JSON object, as a tree.
[[nodiscard]] Result<nlohmann::json> read_json_object(std::string_view text);

}  // namespace jiro::signalr
