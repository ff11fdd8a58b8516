// SPDX-License-Identifier: MIT
#include "jiro/commands/command_message.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "commands/command_line.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

using nlohmann::json;

constexpr std::size_t kKeptOfRefused = 256;  // bytes of an oversized command text that are kept to name it

bool has_control_characters(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// What counts of a message, in the contract's spelling.
enum class Member { command_sync_id, instance_id, session_id, command, parameters, traceparent, tracestate };
constexpr std::array<std::string_view, 7> kMembers{"commandSyncId", "instanceId",  "sessionId", "command",
                                                   "parameters",    "traceparent", "tracestate"};

const std::string_view* find_member(std::string_view name) {
    return std::ranges::find_if(kMembers, [&](std::string_view one) { return equal_ignoring_case(one, name); });
}

using Names = std::vector<std::string>;

// What counts of a message in its string form: the contract's members, without a tree of the rest. The parameters are
// kept in their order, and no more of them than are needed to see that there are too many.
class MessageText final : public JsonHandler {
  public:
    explicit MessageText(const MessageLimits& limits) : limits_(limits) {}

    void begin_object() override { open(json::value_t::object); }
    void end_object() override { --depth_; }
    void begin_array() override { open(json::value_t::array); }
    void end_array() override { --depth_; }
    void key(std::string_view name) override {
        if (depth_ == 1) is_wanted_ = find_member(name) != kMembers.end();
        if (is_kept()) name_ = name;
    }
    void string(std::string_view text) override { add(text); }
    void number(std::string_view text) override {
        if (!is_kept()) return;
        const bool is_integer = text.find_first_of(".eE") == std::string_view::npos;
        auto number = json_number(text);
        const bool is_exact = number.is_number_integer() || (number.is_number() && !is_integer);
        add(is_exact ? std::move(number) : json(text));
    }
    void boolean(bool value) override { add(value); }
    void null() override { add(nullptr); }

    [[nodiscard]] bool is_object() const noexcept { return object_.is_object(); }
    [[nodiscard]] json& object() noexcept { return object_; }
    // Of the parameters in the member of this spelling.
    [[nodiscard]] const Names& order(const std::string& spelling) { return orders_[spelling]; }

  private:
    [[nodiscard]] bool is_kept() const noexcept {
        return (depth_ == 1 && is_wanted_) || (depth_ == 2 && parameters_ != nullptr);
    }

    template <typename Value>
    void add(Value&& value) {
        if (!is_kept()) return;
        if (depth_ == 1) {
            object_[name_] = std::forward<Value>(value);
        } else if (parameters_->size() <= limits_.parameter_count) {
            const auto before = parameters_->size();
            (*parameters_)[name_] = std::forward<Value>(value);
            if (parameters_->size() > before) order_->push_back(name_);
        }
    }

    void open(json::value_t type) {
        if (depth_ == 0 && type == json::value_t::object) object_ = json::object();
        if (is_kept()) add(json(type));
        if (depth_ == 1) parameters_ = nullptr;
        if (depth_ == 1 && is_wanted_ && type == json::value_t::object && equal_ignoring_case(name_, "parameters")) {
            parameters_ = &object_[name_];
            order_ = &(orders_[name_] = {});
        }
        ++depth_;
    }

    const MessageLimits& limits_;
    std::size_t depth_ = 0;
    bool is_wanted_ = false;  // the last name of depth 1
    std::string name_;
    json object_;
    json* parameters_ = nullptr;  // in object_, while its members are read
    std::map<std::string, Names> orders_;
    Names* order_ = nullptr;
};

// Reads the members of one message object, whose texts it takes; stops at nothing, so that the commandSyncId is found
// whatever else is wrong.
class Reader {
  public:
    // `text`: where the order of the parameters is known; a tree has them sorted.
    Reader(json& object, const MessageLimits& limits, MessageText* text = nullptr) : limits_(limits), text_(text) {
        for (auto item = object.begin(); item != object.end(); ++item) {
            const auto* name = find_member(item.key());
            if (name == kMembers.end()) continue;
            Found& found = members_.at(static_cast<std::size_t>(name - kMembers.begin()));
            if (found.value == nullptr || item.key() == *name) found = {&item.key(), &*item};  // its own spelling wins
        }
    }

    ParsedMessage read() {
        read_id();
        read_text(Member::instance_id, message_.instance_id);
        read_text(Member::session_id, message_.session_id);
        read_command();
        read_parameters();
        message_.trace = TraceContext(optional_text(Member::traceparent), optional_text(Member::tracestate));
        return {std::move(message_), std::move(error_)};
    }

  private:
    struct Found {
        const std::string* spelling = nullptr;
        json* value = nullptr;
    };

    [[nodiscard]] const Found& found(Member member) const { return members_.at(static_cast<std::size_t>(member)); }
    // nullptr: absent, or null.
    [[nodiscard]] json* member(Member member) const {
        json* const value = found(member).value;
        return value == nullptr || value->is_null() ? nullptr : value;
    }

    void fail(errc code, std::string text) {
        if (!error_) error_.emplace(code, std::move(text));  // the first one names the problem
    }

    void read_id() {
        auto* value = member(Member::command_sync_id);
        if (value == nullptr) return fail(errc::missing_command_sync_id, "the command message has no commandSyncId");
        if (!value->is_string()) return fail(errc::bad_command_sync_id, "commandSyncId is not a string");
        auto& id = value->get_ref<std::string&>();
        if (id.empty()) return fail(errc::missing_command_sync_id, "commandSyncId is empty");
        if (id.size() > limits_.command_sync_id_bytes) {
            return fail(errc::bad_command_sync_id,
                        "commandSyncId is longer than " + std::to_string(limits_.command_sync_id_bytes) + " bytes");
        }
        if (has_control_characters(id) || !is_utf8(id)) {
            return fail(errc::bad_command_sync_id, "commandSyncId holds control characters");
        }
        message_.command_sync_id = std::move(id);
    }

    void read_text(Member which, std::string& target) {
        auto* value = member(which);
        if (value == nullptr) return;
        const auto name = kMembers.at(static_cast<std::size_t>(which));
        if (!value->is_string()) return fail(errc::wrong_member_type, std::string(name) + " is not a string");
        auto& text = value->get_ref<std::string&>();
        if (text.size() > limits_.command_sync_id_bytes || has_control_characters(text) || !is_utf8(text)) {
            return fail(errc::invalid_text, std::string(name) + " is too long or holds control characters");
        }
        target = std::move(text);
    }

    // Nothing depends on it: what is no text is passed over.
    std::string_view optional_text(Member which) {
        const auto* value = member(which);
        return value != nullptr && value->is_string() ? value->get_ref<const std::string&>() : std::string_view();
    }

    void read_command() {
        auto* value = member(Member::command);
        if (value == nullptr) return fail(errc::missing_command, "the command message has no command");
        if (!value->is_string()) return fail(errc::wrong_member_type, "command is not a string");
        auto& text = value->get_ref<std::string&>();
        if (text.empty()) return fail(errc::missing_command, "the command text is empty");
        if (!is_utf8(text)) return fail(errc::invalid_text, "command is not UTF-8");
        if (text.size() > limits_.command_bytes) {
            message_.command = utf8_head(text, kKeptOfRefused);
            return fail(errc::command_too_long, "the command text is " + std::to_string(text.size()) +
                                                    " bytes long, at most " + std::to_string(limits_.command_bytes) +
                                                    " are taken");
        }
        message_.command = std::move(text);
    }

    void read_parameters() {
        auto* value = member(Member::parameters);
        if (value == nullptr) return;
        if (!value->is_object()) return fail(errc::wrong_member_type, "parameters is not an object");
        if (value->size() > limits_.parameter_count) {
            return fail(errc::too_many_parameters,
                        "more than " + std::to_string(limits_.parameter_count) + " parameters are not taken");
        }
        message_.parameters.reserve(value->size());
        if (text_ != nullptr) {
            for (const auto& name : text_->order(*found(Member::parameters).spelling))
                read_parameter(name, (*value)[name]);
        } else {
            for (auto item = value->begin(); item != value->end(); ++item) read_parameter(item.key(), item.value());
        }
        if (parameter_bytes_ > limits_.parameter_bytes) message_.parameters.clear();
    }

    void read_parameter(const std::string& name, json& value) {
        if (value.is_null()) return;
        if (value.is_structured()) {
            return fail(errc::wrong_member_type, "parameter " + excerpt(name) + " is neither text, number nor boolean");
        }
        std::string text = value.is_string() ? std::move(value.get_ref<std::string&>()) : value.dump();
        if (!is_utf8(name) || !is_utf8(text)) {
            return fail(errc::invalid_text, "parameter " + excerpt(name) + " is not UTF-8");
        }
        parameter_bytes_ += name.size() + text.size();
        if (parameter_bytes_ > limits_.parameter_bytes) {
            return fail(errc::parameters_too_long,
                        "the parameters are longer than " + std::to_string(limits_.parameter_bytes) + " bytes");
        }
        message_.parameters.emplace_back(name, std::move(text));
    }

    const MessageLimits& limits_;
    MessageText* text_;
    std::array<Found, kMembers.size()> members_{};
    std::size_t parameter_bytes_ = 0;
    CommandMessage message_;
    std::optional<Error> error_;
};

ParsedMessage refused(errc code, std::string text) { return {{}, Error(code, std::move(text))}; }

// The length first, so that ("ab", "c") and ("a", "bc") differ.
void add_field(XXH3_state_t& state, std::string_view field) {
    const std::uint64_t length = field.size();
    XXH3_128bits_update(&state, &length, sizeof length);
    XXH3_128bits_update(&state, field.data(), field.size());
}

// One that breaks a limit, or has a value that cannot be read, is answered if its commandSyncId stood ahead of that.
ParsedMessage read_text(const std::string& text, const MessageLimits& limits) {
    MessageText members(limits);
    const JsonLimits json_limits{SIZE_MAX, limits.json_depth, limits.json_values, limits.json_values};
    const auto fault = read_json(text, json_limits, members);
    if (fault && !(is_of_a_value(fault->fault) && members.is_object())) {
        return refused(errc::invalid_json, "the command message is a string that is not JSON: " + fault->message);
    }
    if (!members.is_object()) {
        return refused(errc::not_an_object, "the command message is a string that holds no JSON object");
    }
    auto parsed = Reader(members.object(), limits, &members).read();
    if (fault) parsed.error.emplace(errc::invalid_json, "the command message is refused: " + fault->message);
    return parsed;
}

}  // namespace

ParsedMessage parse_command_message(json argument, const MessageLimits& limits) {
    if (argument.is_object()) return Reader(argument, limits).read();
    if (!argument.is_string()) {
        return refused(errc::not_an_object, "the command message is neither a JSON object nor a string holding one");
    }
    return read_text(argument.get_ref<const std::string&>(), limits);
}

Fingerprint fingerprint(const CommandMessage& message) {
    std::vector<const std::pair<std::string, std::string>*> sorted;
    sorted.reserve(message.parameters.size());
    for (const auto& parameter : message.parameters) sorted.push_back(&parameter);
    std::ranges::sort(sorted, {}, [](const auto* parameter) -> const std::string& { return parameter->first; });
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    add_field(state, message.instance_id);
    add_field(state, message.command);
    for (const auto* parameter : sorted) {
        add_field(state, parameter->first);
        add_field(state, parameter->second);
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(&state);
    Fingerprint result{};
    std::memcpy(result.data(), &hash, sizeof hash);
    std::memcpy(result.data() + sizeof hash, &hash, sizeof hash);
    return result;
}

std::string command_name(const CommandMessage& message) {
    constexpr std::size_t kNameBytes = 128;
    return to_utf8(utf8_head(split_name(message.command).name, kNameBytes));
}

// Without a tree: it is made for every command, and a JSON tree of it costs ten times as much.
std::string to_json(const CommandMessage& message) {
    constexpr std::size_t kNamesAndQuotes = 128;
    std::size_t bytes = kNamesAndQuotes + message.command.size() + message.command_sync_id.size();
    for (const auto& [name, value] : message.parameters) bytes += name.size() + value.size() + 8;
    JsonWriter out;
    out.reserve(bytes + message.instance_id.size() + message.session_id.size());
    out.begin_object();
    out.member("instanceId", message.instance_id);
    out.member("command", message.command);
    out.member("commandSyncId", message.command_sync_id);
    out.member("sessionId", message.session_id);
    out.key("parameters");
    out.begin_object();
    for (const auto& [name, value] : message.parameters) out.member(name, value);
    out.end_object();
    if (!message.trace.empty()) out.member("traceparent", message.trace.parent());
    if (!message.trace.state().empty()) out.member("tracestate", message.trace.state());
    out.end_object();
    return std::move(out).take();
}

}  // namespace jiro::commands
