// SPDX-License-Identifier: MIT
#include "dev_hub/hub_records.hpp"

#include <utility>

#include "dev_hub/errors.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"

namespace jiro::dev_hub {

using nlohmann::json;

void RecordBuffer::append(std::string_view bytes) {
    if (start_ == bytes_.size()) {
        bytes_.clear();
        start_ = scanned_ = 0;
    }
    bytes_.append(bytes);
}

Result<std::optional<std::string>> RecordBuffer::next() {
    const auto end = bytes_.find(kRecordSeparator, scanned_);
    const auto size = (end == std::string::npos ? bytes_.size() : end) - start_;
    if (size > max_record_bytes_) {
        // The text of ASP.NET Core.
        return Error(errc::record_too_big,
                     "The maximum message size of " + std::to_string(max_record_bytes_) + "B was exceeded");
    }
    if (end == std::string::npos) {
        scanned_ = bytes_.size();
        return std::optional<std::string>();
    }
    std::optional<std::string> record(bytes_.substr(start_, size));
    start_ = scanned_ = end + 1;
    return record;
}

namespace {

Result<json> parse_object(std::string_view record) {
    auto parsed = read_json(record, kPatientJsonLimits);
    if (!parsed && parsed.error().code == JsonFault::too_deep)
        return Error(errc::bad_record, "the record is nested deeper than 64 levels");
    if (!parsed) return Error(errc::bad_record, "the record is not JSON");
    if (!parsed->is_object()) return Error(errc::bad_record, "the record is not a JSON object");
    return parsed;
}

Error missing(std::string_view member) {
    return Error(errc::bad_record, "the member '" + std::string(member) + "' is missing or has the wrong type");
}

// Absent and null are empty.
Result<std::string> text_member(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return std::string();
    if (!found->is_string()) return missing(name);
    return found->get<std::string>();
}

bool is_trackable(MessageType type) {
    return type >= MessageType::invocation && type <= MessageType::cancel_invocation;
}

Result<> read_call(const json& object, HubMessage& message) {
    auto target = text_member(object, "target");
    if (!target) return target.error();
    if (target->empty()) return missing("target");
    message.target = std::move(*target);
    const auto arguments = object.find("arguments");
    if (arguments == object.end() || !arguments->is_array()) return missing("arguments");
    message.arguments = *arguments;
    const auto streams = object.find("streamIds");
    if (streams == object.end() || streams->is_null()) return {};
    if (!streams->is_array()) return missing("streamIds");
    for (const auto& id : *streams) {
        if (!id.is_string()) return missing("streamIds");
        message.stream_ids.push_back(id.get<std::string>());
    }
    return {};
}

}  // namespace

Result<HandshakeRequest> parse_handshake(std::string_view record) {
    auto object = parse_object(record);
    if (!object) return object.error().with_prefix("handshake");
    if (object->contains("type")) {
        return Error(errc::bad_handshake, "Expected a handshake request from the client.");
    }
    auto protocol = text_member(*object, "protocol");
    const auto version = object->find("version");
    if (!protocol || protocol->empty()) return Error(errc::bad_handshake, "Missing required property 'protocol'.");
    if (version == object->end() || !version->is_number_integer()) {
        return Error(errc::bad_handshake, "Missing required property 'version'.");
    }
    return HandshakeRequest{std::move(*protocol), version->get<std::int64_t>()};
}

std::string handshake_refusal(const HandshakeRequest& request) {
    if (request.protocol != "json") return "The protocol '" + request.protocol + "' is not supported.";
    if (request.version != 1) {
        return "The server does not support version " + std::to_string(request.version) + " of the 'json' protocol.";
    }
    return {};
}

std::string handshake_response(std::string_view error) {
    if (error.empty()) return std::string("{}") + kRecordSeparator;
    return "{\"error\":" + json_string(error) + "}" + kRecordSeparator;
}

Result<std::optional<HubMessage>> parse_message(std::string_view record) {
    auto object = parse_object(record);
    if (!object) return object.error();
    const auto type = object->find("type");
    if (type == object->end() || !type->is_number_integer()) return missing("type");
    const auto number = type->get<std::int64_t>();
    if (number < 1 || number > 9) return std::optional<HubMessage>();

    HubMessage message;
    message.type = static_cast<MessageType>(number);
    auto id = text_member(*object, "invocationId");
    if (!id) return id.error();
    message.invocation_id = std::move(*id);
    if (is_trackable(message.type) && message.type != MessageType::invocation && message.invocation_id.empty()) {
        return missing("invocationId");
    }

    switch (message.type) {
        case MessageType::invocation:
        case MessageType::stream_invocation:
            if (const auto read = read_call(*object, message); !read) return read.error();
            break;
        case MessageType::stream_item: {
            const auto item = object->find("item");
            if (item == object->end()) return missing("item");
            message.value = std::move(*item);
            break;
        }
        case MessageType::completion: {
            auto error = text_member(*object, "error");
            if (!error) return error.error();
            const auto result = object->find("result");
            if (object->contains("error") && !object->at("error").is_null()) message.error = std::move(*error);
            if (result != object->end()) message.value = std::move(*result);
            if (message.error && message.value && !message.value->is_null()) {
                return Error(errc::bad_record, "a completion has both 'result' and 'error'");
            }
            break;
        }
        case MessageType::close: {
            auto error = text_member(*object, "error");
            if (!error) return error.error();
            if (!error->empty()) message.error = std::move(*error);
            break;
        }
        case MessageType::cancel_invocation:
        case MessageType::ping:
        case MessageType::ack:
        case MessageType::sequence:
            break;
    }
    return std::optional<HubMessage>(std::move(message));
}

std::string invocation_record(std::string_view target, std::string_view argument, std::string_view invocation_id,
                              const InvocationHeaders& headers) {
    JsonWriter head;
    head.begin_object();
    head.member("type", static_cast<int>(MessageType::invocation));
    if (!headers.empty()) {
        head.begin_object("headers");
        for (const auto& [name, value] : headers) head.member(name, value);
        head.end_object();
    }
    if (!invocation_id.empty()) head.member("invocationId", invocation_id);
    head.member("target", target);
    auto record = std::move(head).take();
    record.append(",\"arguments\":[").append(argument).append("]}") += kRecordSeparator;
    return record;
}

std::string stream_item_record(std::string_view invocation_id, std::string_view item) {
    return "{\"type\":2,\"invocationId\":" + json_string(invocation_id) + ",\"item\":" + std::string(item) + "}" +
           kRecordSeparator;
}

std::string completion_record(std::string_view invocation_id, std::optional<std::string_view> result) {
    std::string out = "{\"type\":3,\"invocationId\":" + json_string(invocation_id);
    if (result) out.append(",\"result\":").append(*result);
    out += '}';
    return out + kRecordSeparator;
}

std::string error_completion_record(std::string_view invocation_id, std::string_view error) {
    return "{\"type\":3,\"invocationId\":" + json_string(invocation_id) + ",\"error\":" + json_string(error) + "}" +
           kRecordSeparator;
}

std::string ping_record() { return std::string("{\"type\":6}") + kRecordSeparator; }

std::string close_record(std::string_view error, Reconnect reconnect) {
    std::string out = "{\"type\":7";
    if (!error.empty()) out += ",\"error\":" + json_string(error);
    if (reconnect == Reconnect::allowed) out += ",\"allowReconnect\":true";
    out += '}';
    return out + kRecordSeparator;
}

std::string json_string(std::string_view text) {
    JsonWriter writer;
    writer.string(text);
    return std::move(writer).take();
}

}  // namespace jiro::dev_hub
