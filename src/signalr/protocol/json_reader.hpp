#pragma once
// One JSON object from hostile bytes: depth at most 64, valid UTF-8, integers exact, the last of repeated keys wins.

#include <nlohmann/json.hpp>
#include <string_view>

#include "jiro/base/error.hpp"

namespace jiro::signalr {

inline constexpr int kMaxDepth = 64;  // System.Text.Json's default

// errc::invalid_json, invalid_utf8 or nesting_too_deep. The error never quotes the input.
[[nodiscard]] Result<nlohmann::json> read_json_object(std::string_view text);

}  // namespace jiro::signalr
