// SPDX-License-Identifier: MIT
#pragma once
// What the answers to the hub's requests are made of. Members have the names and the case that the contract's own
// client uses (PascalCase); times are ISO 8601 with Z. A server takes records up to a limit of its own and closes the
// connection on a longer one: so answers are made to fit, and one that was shortened says so in the member Note, which
// servers that do not know it ignore. Pure.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"

namespace jiro::daemon {

// ActionResult.
[[nodiscard]] nlohmann::json action_succeeded(const std::string& request_id, const std::string& message);
[[nodiscard]] nlohmann::json action_failed(const std::string& request_id, const std::string& message,
                                           const std::string& error);

// A time as System.Text.Json writes a DateTime of Kind Utc: "2025-08-06T13:53:19.1234567Z".
[[nodiscard]] std::string date_text(WallTime time);

// Bytes of the value as JSON text.
[[nodiscard]] std::size_t json_bytes(const nlohmann::json& value);

// Bytes that an invocation's result may have in a record of that length.
[[nodiscard]] std::size_t room_for_result(std::size_t max_send_bytes, const std::optional<std::string>& invocation_id);

// The text, or as much of its beginning as has at most `limit` bytes as JSON, followed by how much of it is missing.
[[nodiscard]] std::string text_within(std::string_view text, std::size_t limit);

// Puts items into `answer[member]` while the whole has at most `room` bytes, and a Note when some were left out: "12 of
// 40 themes: more does not fit into one message of 32768 bytes". Items that do not fit are passed over.
void add_items(nlohmann::json& answer, const char* member, std::vector<nlohmann::json> items, std::string_view what,
               std::size_t room);

// Room for the Note of an answer that is shortened.
inline constexpr std::size_t kNoteBytes = 256;

}  // namespace jiro::daemon
