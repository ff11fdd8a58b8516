// SPDX-License-Identifier: MIT
#include <algorithm>

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

void append_value(std::string& out, const json& value) {
    out += contains_binary(value) ? without_binary(value).dump() : value.dump();
}

void append_text(std::string& out, std::string_view text) { out += json(text).dump(); }

void append_id(std::string& out, std::string_view id) {
    out += R"(,"invocationId":)";
    append_text(out, id);
}

void append_headers(std::string& out, const std::map<std::string, std::string>& headers) {
    if (headers.empty()) return;
    out += R"(,"headers":)";
    append_value(out, json(headers));
}

void append_call(std::string& out, std::string_view target, const json& arguments,
                 const std::vector<std::string>& stream_ids) {
    out += R"(,"target":)";
    append_text(out, target);
    out += R"(,"arguments":)";
    append_value(out, arguments);
    if (!stream_ids.empty()) {
        out += R"(,"streamIds":)";
        append_value(out, json(stream_ids));
    }
}

// One overload a message; each writes the members behind "type".
struct Writer {
    std::string& out;

    void begin(MessageType type) {
        out += R"({"type":)";
        out += std::to_string(static_cast<int>(type));
    }
    void operator()(const InvocationMessage& message) {
        begin(MessageType::invocation);
        append_headers(out, message.headers);
        if (message.invocation_id) append_id(out, *message.invocation_id);
        append_call(out, message.target, message.arguments, message.stream_ids);
    }
    void operator()(const StreamItemMessage& message) {
        begin(MessageType::stream_item);
        append_id(out, message.invocation_id);
        out += R"(,"item":)";
        append_value(out, message.item);
    }
    void operator()(const CompletionMessage& message) {
        begin(MessageType::completion);
        append_id(out, message.invocation_id);
        if (message.error) {
            out += R"(,"error":)";
            append_text(out, *message.error);
        } else if (message.result) {
            out += R"(,"result":)";
            append_value(out, *message.result);
        }
    }
    void operator()(const StreamInvocationMessage& message) {
        begin(MessageType::stream_invocation);
        append_headers(out, message.headers);
        append_id(out, message.invocation_id);
        append_call(out, message.target, message.arguments, message.stream_ids);
    }
    void operator()(const CancelInvocationMessage& message) {
        begin(MessageType::cancel_invocation);
        append_id(out, message.invocation_id);
    }
    void operator()(const PingMessage&) { begin(MessageType::ping); }
    void operator()(const CloseMessage& message) {
        begin(MessageType::close);
        if (message.error) {
            out += R"(,"error":)";
            append_text(out, *message.error);
        }
    }
    void operator()(const AckMessage& message) {
        begin(MessageType::ack);
        out += R"(,"sequenceId":)" + std::to_string(message.sequence_id);
    }
    void operator()(const SequenceMessage& message) {
        begin(MessageType::sequence);
        out += R"(,"sequenceId":)" + std::to_string(message.sequence_id);
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
