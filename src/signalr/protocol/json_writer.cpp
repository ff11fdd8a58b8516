// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/base64.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/json_codec.hpp"
#include "signalr/protocol/record_splitter.hpp"

namespace jiro::signalr {

using nlohmann::json;

namespace {

bool contains_binary(const json& value) {
    if (value.is_binary()) return true;
    return value.is_structured() && std::ranges::any_of(value, contains_binary);
}

// byte[] is a base64 string in the JSON protocol.
json without_binary(const json& value) {
    if (value.is_binary()) {
        const auto& bytes = value.get_binary();
        return to_base64(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    }
    json copy = value;
    if (copy.is_structured()) {
        for (json& element : copy) element = without_binary(element);
    }
    return copy;
}

// One overload a message; each writes all of its members.
struct Writer {
    std::string& out;

    void begin(MessageType type) { out.append(R"({"type":)") += std::to_string(static_cast<int>(type)); }
    void member(std::string_view name, const json& value) {
        out.append(",\"").append(name).append("\":") +=
            contains_binary(value) ? without_binary(value).dump() : value.dump();
    }
    void call(const auto& message, const std::optional<std::string>& id) {
        if (!message.headers.empty()) member("headers", message.headers);
        if (id) member("invocationId", *id);
        member("target", message.target);
        member("arguments", message.arguments);
        if (!message.stream_ids.empty()) member("streamIds", message.stream_ids);
    }

    void operator()(const InvocationMessage& message) {
        begin(MessageType::invocation);
        call(message, message.invocation_id);
    }
    void operator()(const StreamItemMessage& message) {
        begin(MessageType::stream_item);
        member("invocationId", message.invocation_id);
        member("item", message.item);
    }
    void operator()(const CompletionMessage& message) {
        begin(MessageType::completion);
        member("invocationId", message.invocation_id);
        if (message.error) {
            member("error", *message.error);
        } else if (message.result) {
            member("result", *message.result);
        }
    }
    void operator()(const StreamInvocationMessage& message) {
        begin(MessageType::stream_invocation);
        call(message, message.invocation_id);
    }
    void operator()(const CancelInvocationMessage& message) {
        begin(MessageType::cancel_invocation);
        member("invocationId", message.invocation_id);
    }
    void operator()(const PingMessage&) { begin(MessageType::ping); }
    void operator()(const CloseMessage& message) {
        begin(MessageType::close);
        if (message.error) member("error", *message.error);
    }
    void operator()(const AckMessage& message) {
        begin(MessageType::ack);
        member("sequenceId", message.sequence_id);
    }
    void operator()(const SequenceMessage& message) {
        begin(MessageType::sequence);
        member("sequenceId", message.sequence_id);
    }
    void operator()(const UnknownMessage&) { out += '{'; }
};

}  // namespace

Result<void> append_record(std::string& out, const HubMessage& message) {
    const auto before = out.size();
    try {
        std::visit(Writer{out}, message);
    } catch (const json::exception&) {
        out.resize(before);
        return Error(errc::invalid_utf8, "a text to be sent to the hub is not valid UTF-8");
    }
    out += '}';
    out += kRecordSeparator;
    return {};
}

}  // namespace jiro::signalr
