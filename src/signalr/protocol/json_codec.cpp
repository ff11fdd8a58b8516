// SPDX-License-Identifier: MIT
#include "signalr/protocol/json_codec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/json_reader.hpp"

namespace jiro::signalr {

using nlohmann::json;

namespace {

Error breach(std::string_view what) { return Error(errc::protocol_error, std::string(what)); }

// The members that a message of the protocol may have.
enum class Member {
    type,
    target,
    arguments,
    invocation_id,
    headers,
    stream_ids,
    item,
    result,
    error,
    allow_reconnect,
    sequence_id,
    other
};
constexpr std::array<std::string_view, 11> kMembers{"type",    "target",         "arguments", "invocationId",
                                                    "headers", "streamIds",      "item",      "result",
                                                    "error",   "allowReconnect", "sequenceId"};

Member member_of(std::string_view name) {
    return static_cast<Member>(std::ranges::find(kMembers, name) - kMembers.begin());
}

std::string quoted(Member member) { return "'" + std::string(kMembers.at(static_cast<std::size_t>(member))) + "'"; }

// A record's members, each with a tree of its own.
class Record {
  public:
    void set(Member member, json value) { values_[static_cast<std::size_t>(member)] = std::move(value); }

    // Null when it is absent.
    [[nodiscard]] json* find(Member member) {
        auto& value = values_[static_cast<std::size_t>(member)];
        return value ? &*value : nullptr;
    }

  private:
    std::array<std::optional<json>, kMembers.size() + 1> values_;
};

// Absent, null and "" are the same: no id.
Result<std::optional<std::string>> optional_id(Record& record) {
    json* id = record.find(Member::invocation_id);
    if (id == nullptr || id->is_null()) return std::optional<std::string>();
    if (!id->is_string()) return breach("'invocationId' is not a string");
    auto& text = id->get_ref<std::string&>();
    if (text.empty()) return std::optional<std::string>();
    return std::optional<std::string>(std::move(text));
}

Result<std::string> required_id(Record& record) {
    auto id = optional_id(record);
    if (!id) return id.error();
    if (!*id) return breach("'invocationId' is missing");
    return std::move(**id);
}

Result<std::optional<std::string>> optional_text(Record& record, Member member) {
    json* value = record.find(member);
    if (value == nullptr || value->is_null()) return std::optional<std::string>();
    if (!value->is_string()) return breach(quoted(member) + " is not a string");
    return std::optional<std::string>(std::move(value->get_ref<std::string&>()));
}

Result<std::int64_t> required_sequence_id(Record& record) {
    const json* id = record.find(Member::sequence_id);
    if (id == nullptr) return breach("'sequenceId' is missing");
    if (!id->is_number_integer()) return breach("'sequenceId' is not an integer");
    if (id->is_number_unsigned() && id->get<std::uint64_t>() > INT64_MAX) return breach("'sequenceId' is out of range");
    return id->get<std::int64_t>();
}

// Their shape is part of the protocol, also where they are disregarded.
bool headers_are_fine(Record& record) {
    const json* headers = record.find(Member::headers);
    if (headers == nullptr || headers->is_null()) return true;
    return headers->is_object() && std::ranges::all_of(*headers, [](const json& value) { return value.is_string(); });
}

std::map<std::string, std::string> take_headers(Record& record) {
    std::map<std::string, std::string> headers;
    json* value = record.find(Member::headers);
    if (value == nullptr || !value->is_object()) return headers;
    for (auto& [name, text] : value->items()) {
        if (text.is_string()) headers.emplace(name, std::move(text.get_ref<std::string&>()));
    }
    return headers;
}

bool stream_ids_are_fine(Record& record) {
    const json* ids = record.find(Member::stream_ids);
    if (ids == nullptr || ids->is_null()) return true;
    return ids->is_array() && std::ranges::all_of(*ids, [](const json& value) { return value.is_string(); });
}

struct Call {
    std::string target;
    json arguments;
};

Result<Call> read_call(Record& record) {
    json* target = record.find(Member::target);
    if (target == nullptr || !target->is_string()) return breach("'target' is missing or not a string");
    if (target->get_ref<const std::string&>().empty()) return breach("'target' is empty");
    json* arguments = record.find(Member::arguments);
    if (arguments == nullptr || !arguments->is_array()) return breach("'arguments' is missing or not an array");
    if (!stream_ids_are_fine(record)) return breach("'streamIds' is not an array of strings");
    return Call{std::move(target->get_ref<std::string&>()), std::move(*arguments)};
}

Result<HubMessage> read_invocation(Record& record) {
    auto id = optional_id(record);
    if (!id) return id.error();
    auto call = read_call(record);
    if (!call) return call.error();
    InvocationMessage message{std::move(call->target), std::move(*id), std::move(call->arguments)};
    message.headers = take_headers(record);
    return message;
}

Result<HubMessage> read_stream_invocation(Record& record) {
    auto id = required_id(record);
    if (!id) return id.error();
    auto call = read_call(record);
    if (!call) return call.error();
    return StreamInvocationMessage{std::move(call->target), std::move(*id), std::move(call->arguments), {}};
}

Result<HubMessage> read_stream_item(Record& record) {
    auto id = required_id(record);
    if (!id) return id.error();
    json* item = record.find(Member::item);
    if (item == nullptr) return breach("'item' is missing");
    return StreamItemMessage{std::move(*id), std::move(*item)};
}

Result<HubMessage> read_completion(Record& record) {
    auto id = required_id(record);
    if (!id) return id.error();
    auto error = optional_text(record, Member::error);
    if (!error) return error.error();
    CompletionMessage message{std::move(*id), {}, std::move(*error)};
    json* result = record.find(Member::result);
    if (result != nullptr && message.error) {
        if (!result->is_null()) return breach("a Completion with both 'result' and 'error'");
    } else if (result != nullptr) {
        message.result = std::move(*result);
    }
    return message;
}

Result<HubMessage> read_cancel(Record& record) {
    auto id = required_id(record);
    if (!id) return id.error();
    return CancelInvocationMessage{std::move(*id)};
}

Result<HubMessage> read_close(Record& record) {
    auto error = optional_text(record, Member::error);
    if (!error) return error.error();
    CloseMessage message{std::move(*error), false};
    if (const json* allow = record.find(Member::allow_reconnect); allow != nullptr && !allow->is_null()) {
        if (!allow->is_boolean()) return breach("'allowReconnect' is not a boolean");
        message.allow_reconnect = allow->get<bool>();
    }
    return message;
}

Result<HubMessage> read_ack(Record& record) {
    const auto id = required_sequence_id(record);
    if (!id) return id.error();
    return AckMessage{*id};
}

Result<HubMessage> read_sequence(Record& record) {
    const auto id = required_sequence_id(record);
    if (!id) return id.error();
    return SequenceMessage{*id};
}

// 0, which no message has, stands for every number that is not an integer of a known type.
Result<std::int64_t> read_type(Record& record) {
    const json* type = record.find(Member::type);
    if (type == nullptr) return breach("'type' is missing");
    if (!type->is_number()) return breach("'type' is not a number");
    if (type->is_number_unsigned())
        return static_cast<std::int64_t>(std::min<std::uint64_t>(type->get<std::uint64_t>(), 1000));
    if (type->is_number_integer()) return type->get<std::int64_t>();
    const double number = type->get<double>();
    return number >= 1 && number <= 9 && std::trunc(number) == number ? static_cast<std::int64_t>(number) : 0;
}

bool is_of_envelope(Member member) {
    return member == Member::type || member == Member::target || member == Member::invocation_id;
}

// Reads what says whom a record is for, wherever it stands: its type, target and id. Nothing else is kept.
class EnvelopeReader final : public JsonHandler {
  public:
    void begin_object() override { ++depth_; }
    void end_object() override { --depth_; }
    void begin_array() override { ++depth_; }
    void end_array() override { --depth_; }
    void key(std::string_view name) override {
        if (depth_ == 1) member_ = member_of(name);
    }
    void string(std::string_view text) override { keep(text); }
    void number(std::string_view text) override { keep(json_number(text)); }
    void boolean(bool value) override { keep(value); }
    void null() override { keep(nullptr); }

    [[nodiscard]] Record take() && { return std::move(record_); }

  private:
    void keep(json value) {
        if (depth_ == 1 && is_of_envelope(member_)) record_.set(member_, std::move(value));
    }

    Record record_;
    Member member_ = Member::other;
    std::size_t depth_ = 0;
};

// Reads a record's members, but for the arguments that a reader takes.
class RecordReader final : public JsonHandler {
  public:
    explicit RecordReader(const ReaderOfTarget& reader_of) : reader_of_(reader_of) {}
    // `envelope`: what is known of the record already.
    RecordReader(const ReaderOfTarget& reader_of, Record envelope)
        : reader_of_(reader_of), record_(std::move(envelope)), has_envelope_(true) {}

    void begin_object() override {
        if (depth_ == 0) is_object_ = true;
        if (depth_++ > 0) sink().begin_object();
    }
    void end_object() override {
        if (--depth_ == 0) return;
        sink().end_object();
        keep();
    }
    void begin_array() override {
        if (depth_++ == 1 && member_ == Member::arguments && reader_of_) {
            target_of_arguments_ = target();
            reader_ = reader_of_(*target_of_arguments_);
            is_reading_ = reader_ != nullptr;
            if (is_reading_) return set(json::array());
        }
        sink().begin_array();
    }
    void end_array() override {
        if (--depth_ == 1 && std::exchange(is_reading_, false)) return;
        sink().end_array();
        keep();
    }
    void key(std::string_view name) override {
        if (depth_ != 1) return sink().key(name);
        member_ = member_of(name);
        if (member_ == Member::arguments) reader_.reset();  // the last of repeated names counts
    }
    void string(std::string_view text) override {
        if (depth_ == 1) return set(text);
        sink().string(text);
    }
    void number(std::string_view text) override {
        sink().number(text);
        keep();
    }
    void boolean(bool value) override {
        if (depth_ == 1) return set(value);
        sink().boolean(value);
    }
    void null() override {
        if (depth_ == 1) return set(nullptr);
        sink().null();
    }

    [[nodiscard]] bool is_object() const noexcept { return is_object_; }
    [[nodiscard]] bool is_out_of_range() const noexcept { return tree_.is_out_of_range(); }
    // The target came behind the arguments: another reader may have to take them.
    [[nodiscard]] bool is_misread() { return target_of_arguments_ && target() != *target_of_arguments_; }
    // With what stood before the end of a text that broke off.
    [[nodiscard]] Record& record() {
        if (std::exchange(depth_, 0) > 1 && !is_reading_) set(std::move(tree_).take());
        return record_;
    }
    [[nodiscard]] ArgumentsReader take_reader() { return std::move(reader_); }

  private:
    [[nodiscard]] JsonHandler& sink() noexcept { return is_reading_ ? *reader_ : tree_; }

    // When a member's value is whole.
    void keep() {
        if (depth_ == 1 && is_object_) set(std::move(tree_).take());
    }

    // What the envelope says holds: the last of repeated names may stand behind what breaks a limit.
    void set(json value) {
        if (!has_envelope_ || !is_of_envelope(member_)) record_.set(member_, std::move(value));
    }

    [[nodiscard]] const std::string& target() {
        static const std::string kNone;
        const json* target = record_.find(Member::target);
        return target != nullptr && target->is_string() ? target->get_ref<const std::string&>() : kNone;
    }

    const ReaderOfTarget& reader_of_;
    Record record_;
    bool has_envelope_ = false;
    JsonTree tree_;  // of the member that is being read
    Member member_ = Member::other;
    std::size_t depth_ = 0;
    bool is_object_ = false;
    ArgumentsReader reader_;
    std::optional<std::string> target_of_arguments_;
    bool is_reading_ = false;
};

Result<HubMessage> read_message(Record& record) {
    const auto type = read_type(record);
    if (!type) return type.error();
    if (*type >= 1 && *type <= 5 && !headers_are_fine(record)) return breach("'headers' is not an object of strings");
    switch (static_cast<MessageType>(*type)) {
        case MessageType::invocation:
            return read_invocation(record);
        case MessageType::stream_item:
            return read_stream_item(record);
        case MessageType::completion:
            return read_completion(record);
        case MessageType::stream_invocation:
            return read_stream_invocation(record);
        case MessageType::cancel_invocation:
            return read_cancel(record);
        case MessageType::ping:
            return HubMessage(PingMessage{});
        case MessageType::close:
            return read_close(record);
        case MessageType::ack:
            return read_ack(record);
        case MessageType::sequence:
            return read_sequence(record);
    }
    return HubMessage(UnknownMessage{});
}

bool is_of_a_value(const Error& error) {
    return error.code == errc::too_many_values || error.code == errc::unreadable_value;
}

// A record that broke a limit of ours, or has a value that cannot be read, of which `record` is what is known. (64
// levels are the protocol's limit.) Whoever waits for what it says is told; nobody waits for a message that is not
// known.
Result<HubMessage> read_over_limit(Record& record, Error error) {
    const auto type = read_type(record);
    if (!is_of_a_value(error) || !type) return error;
    if (*type < 1 || *type > 9) return HubMessage(UnknownMessage{});
    if (static_cast<MessageType>(*type) == MessageType::completion) {
        auto id = required_id(record);
        if (!id) return error;
        return HubMessage(CompletionMessage{std::move(*id), {}, std::move(error.message)});
    }
    if (static_cast<MessageType>(*type) != MessageType::invocation) return error;
    if (record.find(Member::arguments) == nullptr) record.set(Member::arguments, json::array());  // they stand behind
    auto message = read_invocation(record);
    if (!message) return error;
    std::get<InvocationMessage>(*message).over_limit = std::move(error);
    return message;
}

Result<HubMessage> message_of(RecordReader& reading, std::optional<Error> error) {
    if (!error && reading.is_out_of_range()) {
        error =
            Error(errc::unreadable_value, "the record is refused: " + Error(JsonFault::number_out_of_range).message);
    }
    if (!error && !reading.is_object()) return Error(errc::invalid_json, "the record is not a JSON object");
    auto message = error ? read_over_limit(reading.record(), std::move(*error)) : read_message(reading.record());
    if (!message) return message;
    if (auto* invocation = std::get_if<InvocationMessage>(&*message)) invocation->reader = reading.take_reader();
    return message;
}

// Whom the record is for, which may stand behind what broke a limit. None when it cannot be read to its end.
std::optional<Record> read_envelope(std::string_view record) {
    constexpr JsonLimits kNone{.bytes = SIZE_MAX, .nodes = SIZE_MAX, .members = SIZE_MAX};
    EnvelopeReader envelope;
    if (read_json(record, kNone, envelope)) return std::nullopt;
    return std::move(envelope).take();
}

}  // namespace

Result<HubMessage> parse_record(std::string_view record, const ReaderOfTarget& reader_of) {
    RecordReader first(reader_of);
    auto error = read_record(record, first);
    std::optional<Record> envelope;
    if (error && is_of_a_value(*error)) envelope = read_envelope(record);
    if (!envelope && first.is_misread()) envelope = std::move(first.record());
    if (!envelope) return message_of(first, std::move(error));
    RecordReader again(reader_of, std::move(*envelope));
    error = read_record(record, again);
    return message_of(again, std::move(error));
}

}  // namespace jiro::signalr
