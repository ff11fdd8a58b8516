// SPDX-License-Identifier: MIT
#pragma once
// The server's half of the JSON hub protocol, pure: text in, messages out, and back. Written from the protocol's
// specification and used by nothing but this server, so that a mistake of the client's codec can't hide in shared code.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/error.hpp"

namespace jiro::dev_hub {

inline constexpr char kRecordSeparator = '\x1e';

// Collects bytes as they come and gives back whole records. Records may share a WebSocket message or be spread over
// many.
class RecordBuffer {
  public:
    explicit RecordBuffer(std::size_t max_record_bytes) : max_record_bytes_(max_record_bytes) {}

    void append(std::string_view bytes);
    // The next record without its separator; nullopt: more bytes are needed; record_too_big: give up.
    [[nodiscard]] Result<std::optional<std::string>> next();

  private:
    std::size_t max_record_bytes_;
    std::string bytes_;
    std::size_t start_ = 0;    // of the first record not yet taken
    std::size_t scanned_ = 0;  // no separator before this place
};

struct HandshakeRequest {
    std::string protocol;
    std::int64_t version = 0;
};

[[nodiscard]] Result<HandshakeRequest> parse_handshake(std::string_view record);
// Why this server refuses the request; empty: it accepts.
[[nodiscard]] std::string handshake_refusal(const HandshakeRequest& request);
// `{}` or `{"error":...}`, with separator.
[[nodiscard]] std::string handshake_response(std::string_view error);

enum class MessageType {
    invocation = 1,
    stream_item = 2,
    completion = 3,
    stream_invocation = 4,
    cancel_invocation = 5,
    ping = 6,
    close = 7,
    ack = 8,
    sequence = 9,
};

// One message of the client. Members that its type lacks are empty.
struct HubMessage {
    MessageType type = MessageType::ping;
    std::string invocation_id;
    std::string target;
    nlohmann::json arguments = nlohmann::json::array();
    std::vector<std::string> stream_ids;
    std::optional<nlohmann::json> value;  // `result` of a completion, `item` of a stream item
    std::optional<std::string> error;
};

// nullopt: a type from the future, to be ignored. An error ends the connection.
[[nodiscard]] Result<std::optional<HubMessage>> parse_message(std::string_view record);

using InvocationHeaders = std::vector<std::pair<std::string, std::string>>;

// What the server sends; each ends with the separator. Arguments, items and results are JSON text already.
[[nodiscard]] std::string invocation_record(std::string_view target, std::string_view argument,
                                            std::string_view invocation_id, const InvocationHeaders& headers = {});
[[nodiscard]] std::string stream_item_record(std::string_view invocation_id, std::string_view item);
[[nodiscard]] std::string completion_record(std::string_view invocation_id, std::optional<std::string_view> result);
[[nodiscard]] std::string error_completion_record(std::string_view invocation_id, std::string_view error);
[[nodiscard]] std::string ping_record();

enum class Reconnect { forbidden, allowed };
[[nodiscard]] std::string close_record(std::string_view error, Reconnect reconnect);

[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace jiro::dev_hub
