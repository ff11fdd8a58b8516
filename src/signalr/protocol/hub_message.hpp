// SPDX-License-Identifier: MIT
#pragma once
// The nine hub messages, named as in the HubProtocol specification, plus what a record of an unknown type becomes.

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/signalr/invocation.hpp"

namespace jiro::signalr {

enum class MessageType : std::int64_t {
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

struct InvocationMessage {
    std::string target;
    std::optional<std::string> invocation_id;  // absent: non-blocking, the callee must not answer
    nlohmann::json arguments = nlohmann::json::array();
    std::vector<std::string> stream_ids = {};  // client to server only; ignored when received
    std::optional<Error> over_limit = {};  // set: `arguments` hold what stood before the limit that the record broke
    std::map<std::string, std::string> headers = {};
    ArgumentsReader reader = {};  // set: it has read the arguments, and `arguments` is empty
};

struct StreamItemMessage {
    std::string invocation_id;
    nlohmann::json item;
};

// At most one of result and error; neither: the method returned nothing.
struct CompletionMessage {
    std::string invocation_id;
    std::optional<nlohmann::json> result;
    std::optional<std::string> error;
};

struct StreamInvocationMessage {
    std::string target;
    std::string invocation_id;
    nlohmann::json arguments = nlohmann::json::array();
    std::vector<std::string> stream_ids;
    std::map<std::string, std::string> headers = {};
};

struct CancelInvocationMessage {
    std::string invocation_id;
};

struct PingMessage {};

struct CloseMessage {
    std::optional<std::string> error;
    bool allow_reconnect = false;
};

// The highest id received.
struct AckMessage {
    std::int64_t sequence_id = 0;
};

// The id of the message that follows on this socket.
struct SequenceMessage {
    std::int64_t sequence_id = 0;
};

// Skipped, for forward compatibility.
struct UnknownMessage {};

using HubMessage =
    std::variant<InvocationMessage, StreamItemMessage, CompletionMessage, StreamInvocationMessage,
                 CancelInvocationMessage, PingMessage, CloseMessage, AckMessage, SequenceMessage, UnknownMessage>;

// Counted by stateful reconnect: types 1 to 5.
[[nodiscard]] inline bool is_trackable(const HubMessage& message) noexcept { return message.index() < 5; }

}  // namespace jiro::signalr
