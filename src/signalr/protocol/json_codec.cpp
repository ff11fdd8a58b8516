// SPDX-License-Identifier: MIT
#include "signalr/protocol/json_codec.hpp"

#include <algorithm>
#include <cmath>

#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/json_reader.hpp"

namespace jiro::signalr {

using nlohmann::json;

namespace {

Error breach(std::string_view what) { return Error(errc::protocol_error, std::string(what)); }

// The member, or null when it is absent.
json* member(json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
}

// Absent, null and "" are the same: no id.
Result<std::optional<std::string>> optional_id(json& object) {
    json* id = member(object, "invocationId");
    if (id == nullptr || id->is_null()) return std::optional<std::string>();
    if (!id->is_string()) return breach("'invocationId' is not a string");
    auto& text = id->get_ref<std::string&>();
    if (text.empty()) return std::optional<std::string>();
    return std::optional<std::string>(std::move(text));
}

Result<std::string> required_id(json& object) {
    auto id = optional_id(object);
    if (!id) return id.error();
    if (!*id) return breach("'invocationId' is missing");
    return std::move(**id);
}

Result<std::optional<std::string>> optional_text(json& object, const char* name) {
    json* value = member(object, name);
    if (value == nullptr || value->is_null()) return std::optional<std::string>();
    if (!value->is_string()) return breach("'" + std::string(name) + "' is not a string");
    return std::optional<std::string>(std::move(value->get_ref<std::string&>()));
}

Result<std::int64_t> required_sequence_id(json& object) {
    const json* id = member(object, "sequenceId");
    if (id == nullptr) return breach("'sequenceId' is missing");
    if (!id->is_number_integer()) return breach("'sequenceId' is not an integer");
    if (id->is_number_unsigned() && id->get<std::uint64_t>() > INT64_MAX) return breach("'sequenceId' is out of range");
    return id->get<std::int64_t>();
}

// Their shape is part of the protocol, also where they are disregarded.
bool headers_are_fine(json& object) {
    const json* headers = member(object, "headers");
    if (headers == nullptr || headers->is_null()) return true;
    return headers->is_object() && std::ranges::all_of(*headers, [](const json& value) { return value.is_string(); });
}

std::map<std::string, std::string> take_headers(json& object) {
    std::map<std::string, std::string> headers;
    json* value = member(object, "headers");
    if (value == nullptr || !value->is_object()) return headers;
    for (auto& [name, text] : value->items()) {
        if (text.is_string()) headers.emplace(name, std::move(text.get_ref<std::string&>()));
    }
    return headers;
}

bool stream_ids_are_fine(json& object) {
    const json* ids = member(object, "streamIds");
    if (ids == nullptr || ids->is_null()) return true;
    return ids->is_array() && std::ranges::all_of(*ids, [](const json& value) { return value.is_string(); });
}

struct Call {
    std::string target;
    json arguments;
};

Result<Call> read_call(json& object) {
    json* target = member(object, "target");
    if (target == nullptr || !target->is_string()) return breach("'target' is missing or not a string");
    if (target->get_ref<const std::string&>().empty()) return breach("'target' is empty");
    json* arguments = member(object, "arguments");
    if (arguments == nullptr || !arguments->is_array()) return breach("'arguments' is missing or not an array");
    if (!stream_ids_are_fine(object)) return breach("'streamIds' is not an array of strings");
    return Call{std::move(target->get_ref<std::string&>()), std::move(*arguments)};
}

Result<HubMessage> read_invocation(json& object) {
    auto id = optional_id(object);
    if (!id) return id.error();
    auto call = read_call(object);
    if (!call) return call.error();
    InvocationMessage message{std::move(call->target), std::move(*id), std::move(call->arguments)};
    message.headers = take_headers(object);
    return message;
}

Result<HubMessage> read_stream_invocation(json& object) {
    auto id = required_id(object);
    if (!id) return id.error();
    auto call = read_call(object);
    if (!call) return call.error();
    return StreamInvocationMessage{std::move(call->target), std::move(*id), std::move(call->arguments), {}};
}

Result<HubMessage> read_stream_item(json& object) {
    auto id = required_id(object);
    if (!id) return id.error();
    json* item = member(object, "item");
    if (item == nullptr) return breach("'item' is missing");
    return StreamItemMessage{std::move(*id), std::move(*item)};
}

Result<HubMessage> read_completion(json& object) {
    auto id = required_id(object);
    if (!id) return id.error();
    auto error = optional_text(object, "error");
    if (!error) return error.error();
    CompletionMessage message{std::move(*id), {}, std::move(*error)};
    json* result = member(object, "result");
    if (result != nullptr && message.error) {
        if (!result->is_null()) return breach("a Completion with both 'result' and 'error'");
    } else if (result != nullptr) {
        message.result = std::move(*result);
    }
    return message;
}

Result<HubMessage> read_cancel(json& object) {
    auto id = required_id(object);
    if (!id) return id.error();
    return CancelInvocationMessage{std::move(*id)};
}

Result<HubMessage> read_close(json& object) {
    auto error = optional_text(object, "error");
    if (!error) return error.error();
    CloseMessage message{std::move(*error), false};
    if (const json* allow = member(object, "allowReconnect"); allow != nullptr && !allow->is_null()) {
        if (!allow->is_boolean()) return breach("'allowReconnect' is not a boolean");
        message.allow_reconnect = allow->get<bool>();
    }
    return message;
}

Result<HubMessage> read_ack(json& object) {
    const auto id = required_sequence_id(object);
    if (!id) return id.error();
    return AckMessage{*id};
}

Result<HubMessage> read_sequence(json& object) {
    const auto id = required_sequence_id(object);
    if (!id) return id.error();
    return SequenceMessage{*id};
}

// 0, which no message has, stands for every number that is not an integer of a known type.
Result<std::int64_t> read_type(json& object) {
    const json* type = member(object, "type");
    if (type == nullptr) return breach("'type' is missing");
    if (!type->is_number()) return breach("'type' is not a number");
    if (type->is_number_unsigned())
        return static_cast<std::int64_t>(std::min<std::uint64_t>(type->get<std::uint64_t>(), 1000));
    if (type->is_number_integer()) return type->get<std::int64_t>();
    const double number = type->get<double>();
    return number >= 1 && number <= 9 && std::trunc(number) == number ? static_cast<std::int64_t>(number) : 0;
}

// The record as a tree, but for the arguments that a reader takes.
class RecordTree final : public JsonHandler {
  public:
    explicit RecordTree(const ReaderOfTarget& reader_of) : reader_of_(reader_of) {}

    void begin_object() override {
        sink().begin_object();
        ++depth_;
    }
    void end_object() override {
        --depth_;
        sink().end_object();
    }
    void begin_array() override {
        sink().begin_array();
        ++depth_;
        if (depth_ != 2 || name_ != Name::arguments || !reader_of_ || target_.empty()) return;
        reader_ = reader_of_(target_);
        target_of_reader_ = target_;
        is_reading_ = reader_ != nullptr;
    }
    void end_array() override {
        --depth_;
        if (depth_ == 1) is_reading_ = false;
        sink().end_array();
    }
    void key(std::string_view name) override {
        if (depth_ == 1) {
            name_ = name == "target" ? Name::target : name == "arguments" ? Name::arguments : Name::other;
            if (name_ == Name::arguments) reader_.reset();  // the last of repeated names counts
        }
        sink().key(name);
    }
    void string(std::string_view text) override {
        if (depth_ == 1 && name_ == Name::target) target_ = text;
        sink().string(text);
    }
    void number(std::string_view text) override { sink().number(text); }
    void boolean(bool value) override { sink().boolean(value); }
    void null() override { sink().null(); }

    [[nodiscard]] bool is_out_of_range() const noexcept { return tree_.is_out_of_range(); }
    // Another target came behind the arguments, for which they may be no business of that reader's.
    [[nodiscard]] bool is_misread() const noexcept { return reader_ && target_ != target_of_reader_; }
    [[nodiscard]] json take_tree() { return std::move(tree_).take(); }
    [[nodiscard]] ArgumentsReader take_reader() { return std::move(reader_); }

  private:
    enum class Name { other, target, arguments };

    [[nodiscard]] JsonHandler& sink() noexcept { return is_reading_ ? *reader_ : tree_; }

    const ReaderOfTarget& reader_of_;
    JsonTree tree_;
    std::size_t depth_ = 0;
    Name name_ = Name::other;  // of the last member at depth 1
    std::string target_;
    ArgumentsReader reader_;
    std::string target_of_reader_;
    bool is_reading_ = false;
};

Result<HubMessage> read_message(json& object) {
    const auto type = read_type(object);
    if (!type) return type.error();
    if (*type >= 1 && *type <= 5 && !headers_are_fine(object)) return breach("'headers' is not an object of strings");
    switch (static_cast<MessageType>(*type)) {
        case MessageType::invocation:
            return read_invocation(object);
        case MessageType::stream_item:
            return read_stream_item(object);
        case MessageType::completion:
            return read_completion(object);
        case MessageType::stream_invocation:
            return read_stream_invocation(object);
        case MessageType::cancel_invocation:
            return read_cancel(object);
        case MessageType::ping:
            return HubMessage(PingMessage{});
        case MessageType::close:
            return read_close(object);
        case MessageType::ack:
            return read_ack(object);
        case MessageType::sequence:
            return read_sequence(object);
    }
    return HubMessage(UnknownMessage{});
}

// A record that broke a limit of ours, or has a value that cannot be read, of which `object` is what stood before. (64
// levels are the protocol's limit.)
Result<HubMessage> read_over_limit(json& object, Error error) {
    const bool is_of_a_value = error.code == errc::too_many_values || error.code == errc::unreadable_value;
    if (!is_of_a_value || !object.is_object()) return error;
    const auto type = read_type(object);
    if (!type || static_cast<MessageType>(*type) != MessageType::invocation) return error;
    auto message = read_invocation(object);
    if (!message) return error;
    std::get<InvocationMessage>(*message).over_limit = std::move(error);
    return message;
}

}  // namespace

Result<HubMessage> parse_record(std::string_view record, const ReaderOfTarget& reader_of) {
    RecordTree reading(reader_of);
    auto error = read_record(record, reading);
    if (reading.is_misread()) return parse_record(record);
    if (!error && reading.is_out_of_range()) {
        error =
            Error(errc::unreadable_value, "the record is refused: " + Error(JsonFault::number_out_of_range).message);
    }
    json object = reading.take_tree();
    if (!error && !object.is_object()) return Error(errc::invalid_json, "the record is not a JSON object");
    auto message = error ? read_over_limit(object, std::move(*error)) : read_message(object);
    if (!message) return message;
    if (auto* invocation = std::get_if<InvocationMessage>(&*message)) invocation->reader = reading.take_reader();
    return message;
}

}  // namespace jiro::signalr
