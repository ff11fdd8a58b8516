// SPDX-License-Identifier: MIT
#include "jiro/commands/command_message.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cstring>
#include <map>
#include <utility>

#include "commands/command_line.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kKeptOfRefused = 256;  // bytes of an oversized command text that are kept to name it

// What counts of a message, in the contract's spelling.
enum class Member { command_sync_id, instance_id, session_id, command, parameters, traceparent, tracestate };
constexpr std::array<std::string_view, 7> kMembers{"commandSyncId", "instanceId",  "sessionId", "command",
                                                   "parameters",    "traceparent", "tracestate"};

const std::string_view* find_member(std::string_view name) {
    const auto* const exact = std::ranges::find(kMembers, name);
    if (exact != kMembers.end()) return exact;
    return std::ranges::find_if(kMembers, [&](std::string_view one) { return equal_ignoring_case(one, name); });
}

// The value of a member, or of a parameter.
enum class ValueKind : std::uint8_t { absent, null, text, object, other };

// The parameters in their order, and no more of them than are needed to see that there are too many.
class ParameterList {
  public:
    explicit ParameterList(std::size_t most) : most_(most) {}

    void begin() {
        list_.clear();
        kinds_.clear();
        index_.clear();
        list_.reserve(kUsual);
        kinds_.reserve(kUsual);
    }
    // The next value's.
    void name(std::string_view name) {
        current_ = find(name);
        if (current_ < list_.size() || list_.size() > most_) return;
        list_.emplace_back(name, "");
        kinds_.push_back(ValueKind::absent);
        if (list_.size() > kFew && index_.empty()) {
            for (std::size_t at = 0; at + 1 < list_.size(); ++at) index_.emplace(list_[at].first, at);
        }
        if (list_.size() > kFew) index_.emplace(list_.back().first, current_);
    }
    void value(ValueKind kind, std::string_view text) {
        if (current_ >= list_.size()) return;
        kinds_[current_] = kind;
        list_[current_].second = text;
    }

    [[nodiscard]] bool are_too_many() const noexcept { return list_.size() > most_; }
    [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }
    [[nodiscard]] ValueKind kind(std::size_t at) const { return kinds_[at]; }
    [[nodiscard]] std::pair<std::string, std::string>& operator[](std::size_t at) { return list_[at]; }

  private:
    static constexpr std::size_t kUsual = 4;
    static constexpr std::size_t kFew = 16;  // that are looked through

    [[nodiscard]] std::size_t find(std::string_view name) const {
        if (index_.empty()) {
            const auto found =
                std::ranges::find(list_, name, [](const auto& one) { return std::string_view(one.first); });
            return static_cast<std::size_t>(found - list_.begin());
        }
        const auto found = index_.find(name);
        return found == index_.end() ? list_.size() : found->second;
    }

    std::size_t most_;
    Parameters list_;
    std::vector<ValueKind> kinds_;
    std::map<std::string, std::size_t, std::less<>> index_;  // of more than a few
    std::size_t current_ = 0;
};

class Reader final : public MessageReader {
  public:
    explicit Reader(const MessageLimits& limits) : limits_(limits), parameters_(limits.parameter_count) {}

    void begin_object() override { open(ValueKind::object); }
    void end_object() override { close(); }
    void begin_array() override { open(ValueKind::other); }
    void end_array() override { close(); }
    void key(std::string_view name) override {
        if (depth_ == 1) choose(name);
        if (is_in_parameters_ && depth_ == 2) parameters_.name(name);
    }
    void string(std::string_view text) override {
        if (depth_ == 0 && arguments_ == 0 && !is_text_) return read_text(text);
        value(ValueKind::text, text);
    }
    void number(std::string_view text) override { value_as_text(text); }
    void boolean(bool value) override { value_as_text(value ? "true" : "false"); }
    void null() override { value(ValueKind::null, {}); }

    [[nodiscard]] ParsedMessage take() override {
        if (is_text_ && fault_ && !(is_of_a_value(fault_->fault) && is_object_)) {
            fail(errc::invalid_json, "the command message is a string that is not JSON: " + fault_->message);
        } else if (is_text_ && !is_object_) {
            fail(errc::not_an_object, "the command message is a string that holds no JSON object");
        } else if (!is_object_) {
            fail(errc::not_an_object, arguments_ == 0
                                          ? "expected 1 argument, got 0"
                                          : "the command message is neither a JSON object nor a string holding one");
        } else {
            take_members();
            if (fault_) error_.emplace(errc::invalid_json, "the command message is refused: " + fault_->message);
        }
        return {std::move(message_), std::move(error_)};
    }

  private:
    struct Found {
        std::string spelling;  // empty: the contract's own
        ValueKind kind = ValueKind::absent;
        std::string text;
    };

    [[nodiscard]] Found& found(Member member) { return members_.at(static_cast<std::size_t>(member)); }

    // One that breaks a limit, or has a value that cannot be read, is answered if its commandSyncId stood ahead of
    // that.
    void read_text(std::string_view text) {
        is_text_ = true;
        const JsonLimits json_limits{SIZE_MAX, limits_.json_depth, limits_.json_values, limits_.json_values};
        fault_ = read_json(text, json_limits, *this);
        depth_ = 0;
        arguments_ = 1;
    }

    // The contract's own spelling of a member wins, and the last of those that are spelt the same.
    void choose(std::string_view name) {
        member_ = nullptr;
        if (arguments_ > 0) return;
        const auto* const which = find_member(name);
        if (which == kMembers.end()) return;
        Found& found = members_.at(static_cast<std::size_t>(which - kMembers.begin()));
        const auto spelling = name == *which ? std::string_view() : name;
        const bool counts = found.kind == ValueKind::absent || spelling <= std::string_view(found.spelling);
        if (!counts) return;
        found.spelling = spelling;
        member_ = &found;
    }

    void value(ValueKind kind, std::string_view text) {
        if (depth_ == 0) ++arguments_;
        if (depth_ == 1 && member_ != nullptr) {
            member_->kind = kind;
            member_->text = text;
        }
        if (depth_ == 2 && is_in_parameters_) parameters_.value(kind, text);
    }

    // A number or a boolean, which a parameter may be: as it was written.
    void value_as_text(std::string_view text) {
        if (depth_ == 2 && is_in_parameters_) {
            parameters_.value(ValueKind::text, text);
        } else {
            value(ValueKind::other, {});
        }
    }

    void open(ValueKind kind) {
        if (depth_ == 0) {
            is_object_ = is_object_ || (arguments_ == 0 && kind == ValueKind::object);
        } else {
            value(kind, {});
        }
        if (depth_ == 1 && kind == ValueKind::object && member_ == &found(Member::parameters)) {
            is_in_parameters_ = true;
            parameters_.begin();
        }
        ++depth_;
    }

    void close() {
        --depth_;
        if (depth_ == 1) is_in_parameters_ = false;
        if (depth_ == 0) ++arguments_;
    }

    void fail(errc code, std::string text) {
        if (!error_) error_.emplace(code, std::move(text));  // the first one names the problem
    }

    void take_members() {
        take_id();
        take_short_text(Member::instance_id, message_.instance_id);
        take_short_text(Member::session_id, message_.session_id);
        take_command();
        take_parameters();
        message_.trace = TraceContext(found(Member::traceparent).text, found(Member::tracestate).text);
    }

    static bool is_missing(const Found& member) {
        return member.kind == ValueKind::absent || member.kind == ValueKind::null;
    }

    void take_id() {
        auto& [spelling, kind, id] = found(Member::command_sync_id);
        if (is_missing(found(Member::command_sync_id))) {
            return fail(errc::missing_command_sync_id, "the command message has no commandSyncId");
        }
        if (kind != ValueKind::text) return fail(errc::bad_command_sync_id, "commandSyncId is not a string");
        if (id.empty()) return fail(errc::missing_command_sync_id, "commandSyncId is empty");
        if (id.size() > limits_.command_sync_id_bytes) {
            return fail(errc::bad_command_sync_id,
                        "commandSyncId is longer than " + std::to_string(limits_.command_sync_id_bytes) + " bytes");
        }
        if (has_control_characters(id)) {
            return fail(errc::bad_command_sync_id, "commandSyncId holds control characters");
        }
        message_.command_sync_id = std::move(id);
    }

    void take_short_text(Member which, std::string& target) {
        Found& member = found(which);
        if (is_missing(member)) return;
        const auto name = kMembers.at(static_cast<std::size_t>(which));
        if (member.kind != ValueKind::text)
            return fail(errc::wrong_member_type, std::string(name) + " is not a string");
        if (member.text.size() > limits_.command_sync_id_bytes || has_control_characters(member.text)) {
            return fail(errc::invalid_text, std::string(name) + " is too long or holds control characters");
        }
        target = std::move(member.text);
    }

    void take_command() {
        Found& member = found(Member::command);
        if (is_missing(member)) return fail(errc::missing_command, "the command message has no command");
        if (member.kind != ValueKind::text) return fail(errc::wrong_member_type, "command is not a string");
        auto& text = member.text;
        if (text.empty()) return fail(errc::missing_command, "the command text is empty");
        if (text.size() > limits_.command_bytes) {
            message_.command = shortened(text, kKeptOfRefused);
            return fail(errc::command_too_long, "the command text is " + std::to_string(text.size()) +
                                                    " bytes long, at most " + std::to_string(limits_.command_bytes) +
                                                    " are taken");
        }
        message_.command = std::move(text);
    }

    void take_parameters() {
        const Found& member = found(Member::parameters);
        if (is_missing(member)) return;
        if (member.kind != ValueKind::object) return fail(errc::wrong_member_type, "parameters is not an object");
        if (parameters_.are_too_many()) {
            return fail(errc::too_many_parameters,
                        "more than " + std::to_string(limits_.parameter_count) + " parameters are not taken");
        }
        message_.parameters.reserve(parameters_.size());
        for (std::size_t at = 0; at < parameters_.size(); ++at) take_parameter(parameters_.kind(at), parameters_[at]);
        if (parameter_bytes_ > limits_.parameter_bytes) message_.parameters.clear();
    }

    void take_parameter(ValueKind kind, std::pair<std::string, std::string>& parameter) {
        if (kind == ValueKind::null || kind == ValueKind::absent) return;
        if (kind != ValueKind::text) {
            return fail(errc::wrong_member_type,
                        "parameter " + excerpt(parameter.first) + " is neither text, number nor boolean");
        }
        parameter_bytes_ += parameter.first.size() + parameter.second.size();
        if (parameter_bytes_ > limits_.parameter_bytes) {
            return fail(errc::parameters_too_long,
                        "the parameters are longer than " + std::to_string(limits_.parameter_bytes) + " bytes");
        }
        message_.parameters.push_back(std::move(parameter));
    }

    const MessageLimits limits_;
    std::size_t depth_ = 0;      // in the argument that is being read
    std::size_t arguments_ = 0;  // that have been read
    bool is_object_ = false;     // the first argument, or the text that it is
    bool is_text_ = false;
    std::optional<JsonError> fault_;  // of that text
    std::array<Found, kMembers.size()> members_{};
    Found* member_ = nullptr;  // whose value comes, if it counts
    bool is_in_parameters_ = false;
    ParameterList parameters_;
    std::size_t parameter_bytes_ = 0;
    CommandMessage message_;
    std::optional<Error> error_;
};

// The length first, so that ("ab", "c") and ("a", "bc") differ.
void add_field(XXH3_state_t& state, std::string_view field) {
    const std::uint64_t length = field.size();
    XXH3_128bits_update(&state, &length, sizeof length);
    XXH3_128bits_update(&state, field.data(), field.size());
}

}  // namespace

std::shared_ptr<MessageReader> make_message_reader(const MessageLimits& limits) {
    return std::make_shared<Reader>(limits);
}

ParsedMessage parse_command_message(std::string_view text, const MessageLimits& limits) {
    Reader reader(limits);
    reader.string(text);
    return reader.take();
}

Result<Parameters> parse_parameters(std::string_view object, const MessageLimits& limits) {
    Reader reader(limits);
    reader.begin_object();
    for (const auto member : {Member::command_sync_id, Member::command}) {
        reader.key(kMembers.at(static_cast<std::size_t>(member)));
        reader.string("-");
    }
    reader.key(kMembers.at(static_cast<std::size_t>(Member::parameters)));
    const JsonLimits json_limits{SIZE_MAX, limits.json_depth, limits.json_values, limits.json_values};
    if (const auto fault = read_json(object, json_limits, reader)) return Error(errc::invalid_json, fault->message);
    reader.end_object();
    auto parsed = reader.take();
    if (parsed.error) return std::move(*parsed.error);
    return std::move(parsed.message.parameters);
}

Fingerprint fingerprint(const CommandMessage& message) {
    boost::container::small_vector<const std::pair<std::string, std::string>*, 16> sorted;
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
    return to_utf8(shortened(split_name(message.command).name, kNameBytes));
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

// The refusal behind a line end, of which JSON has none: an earlier version of this program cannot read that, and does
// not run it.
std::string to_payload(const CommandMessage& message, const std::optional<Error>& refusal) {
    return to_json(message) + (refusal ? '\n' + refusal->message : std::string());
}

Result<ParsedPayload> parse_payload(std::string_view payload) {
    const auto line_end = payload.find('\n');
    auto parsed = parse_command_message(payload.substr(0, line_end));
    // Of a malformed message that was refused there is only a part.
    if (parsed.error && line_end == std::string_view::npos) return std::move(*parsed.error);
    ParsedPayload result{std::move(parsed.message), std::nullopt};
    if (line_end != std::string_view::npos) result.refusal.emplace(payload.substr(line_end + 1));
    return result;
}

}  // namespace jiro::commands
