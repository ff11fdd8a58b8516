// SPDX-License-Identifier: MIT
#pragma once
// One JSON object from the hub, read by base/json within the limits of a record, with this module's names for what is
// wrong.

#include <nlohmann/json.hpp>
#include <string_view>

#include "jiro/base/error.hpp"

namespace jiro::signalr {

// errc::invalid_json, invalid_utf8, nesting_too_deep or too_many_values. The error never quotes the input. What stood
// before the fault goes to `before_fault`, if that is given.
[[nodiscard]] Result<nlohmann::json> read_json_object(std::string_view text, nlohmann::json* before_fault = nullptr);

}  // namespace jiro::signalr
