#include "jiro/commands/command_message.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "commands/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

using nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kKeptOfRefused = 256;  // bytes of an oversized command text that are kept to name it

bool has_control_characters(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// The parser is iterative, but what it builds is destroyed and walked by recursion in places: look before parsing.
bool nested_deeper_than(std::string_view text, int limit) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > limit) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

// Reads the members of one message object, whose texts it takes; stops at nothing, so that the commandSyncId is found
// whatever else is wrong.
template <typename Object>
class Reader {
  public:
    Reader(Object& object, const MessageLimits& limits) : object_(object), limits_(limits) {}

    ParsedMessage read() {
        read_id();
        read_text("instanceId", message_.instance_id);
        read_text("sessionId", message_.session_id);
        read_command();
        read_parameters();
        return {std::move(message_), std::move(error_)};
    }

  private:
    Object* member(std::string_view name) {
        Object* found = nullptr;
        for (auto item = object_.begin(); item != object_.end(); ++item) {
            if (!equal_ignoring_case(item.key(), name)) continue;
            if (item.key() == name) return &item.value();  // the contract's own spelling wins
            if (found == nullptr) found = &item.value();
        }
        return found != nullptr && found->is_null() ? nullptr : found;
    }

    void fail(errc code, std::string text) {
        if (!error_) error_.emplace(code, std::move(text));  // the first one names the problem
    }

    void read_id() {
        auto* value = member("commandSyncId");
        if (value == nullptr) return fail(errc::missing_command_sync_id, "the command message has no commandSyncId");
        if (!value->is_string()) return fail(errc::bad_command_sync_id, "commandSyncId is not a string");
        auto& id = value->template get_ref<std::string&>();
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

    void read_text(std::string_view name, std::string& target) {
        auto* value = member(name);
        if (value == nullptr) return;
        if (!value->is_string()) return fail(errc::wrong_member_type, std::string(name) + " is not a string");
        auto& text = value->template get_ref<std::string&>();
        if (text.size() > limits_.command_sync_id_bytes || has_control_characters(text) || !is_utf8(text)) {
            return fail(errc::invalid_text, std::string(name) + " is too long or holds control characters");
        }
        target = std::move(text);
    }

    void read_command() {
        auto* value = member("command");
        if (value == nullptr) return fail(errc::missing_command, "the command message has no command");
        if (!value->is_string()) return fail(errc::wrong_member_type, "command is not a string");
        auto& text = value->template get_ref<std::string&>();
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
        auto* value = member("parameters");
        if (value == nullptr) return;
        if (!value->is_object()) return fail(errc::wrong_member_type, "parameters is not an object");
        if (value->size() > limits_.parameter_count) {
            return fail(errc::too_many_parameters, std::to_string(value->size()) + " parameters, at most " +
                                                       std::to_string(limits_.parameter_count) + " are taken");
        }
        std::size_t bytes = 0;
        message_.parameters.reserve(value->size());
        for (auto item = value->begin(); item != value->end(); ++item) {
            std::string text;
            if (item.value().is_string()) {
                text = std::move(item.value().template get_ref<std::string&>());
            } else if (item.value().is_number() || item.value().is_boolean()) {
                text = item.value().dump();
            } else if (item.value().is_null()) {
                continue;
            } else {
                return fail(errc::wrong_member_type,
                            "parameter " + escaped(item.key()) + " is neither text, number nor boolean");
            }
            if (!is_utf8(item.key()) || !is_utf8(text)) {
                return fail(errc::invalid_text, "parameter " + escaped(item.key()) + " is not UTF-8");
            }
            bytes += item.key().size() + text.size();
            if (bytes > limits_.parameter_bytes) {
                message_.parameters.clear();
                return fail(errc::parameters_too_long,
                            "the parameters are longer than " + std::to_string(limits_.parameter_bytes) + " bytes");
            }
            message_.parameters.emplace_back(item.key(), std::move(text));
        }
    }

    Object& object_;
    const MessageLimits& limits_;
    CommandMessage message_;
    std::optional<Error> error_;
};

ParsedMessage refused(errc code, std::string text) { return {{}, Error(code, std::move(text))}; }

// The length first, so that ("ab", "c") and ("a", "bc") differ.
void append_length(std::string& buffer, std::string_view field) {
    buffer.append(std::to_string(field.size())).append(1, ':');
}

void append_field(std::string& buffer, std::string_view field) {
    append_length(buffer, field);
    buffer.append(field);
}

// To look the algorithm up and to make its state costs more than to digest a short message: both are kept.
Fingerprint sha256(std::initializer_list<std::string_view> parts) {
    static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                                           &EVP_MD_free);
    thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state(EVP_MD_CTX_new(),
                                                                                     &EVP_MD_CTX_free);
    Fingerprint digest{};
    bool is_fine = algorithm && state && EVP_DigestInit_ex2(state.get(), algorithm.get(), nullptr) == 1;
    for (const auto part : parts) is_fine = is_fine && EVP_DigestUpdate(state.get(), part.data(), part.size()) == 1;
    if (!is_fine || EVP_DigestFinal_ex(state.get(), digest.data(), nullptr) != 1) throw std::bad_alloc();
    return digest;
}

// Characters that stand for themselves in a JSON string.
bool needs_no_escape(std::string_view text) {
    const auto needs_escape = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; };
    for (; text.size() >= kTextWord; text.remove_prefix(kTextWord)) {
        if (!is_word_without<'"', '\\'>(text.data(), 0x20)) break;
    }
    return std::ranges::none_of(text, needs_escape);
}

// `before`, then `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_string(std::string& out, std::string_view before, std::string_view text) {
    out.append(before);
    if (needs_no_escape(text) && is_utf8(text)) {
        out.append(1, '"').append(text).append(1, '"');
    } else {
        out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
    }
}

}  // namespace

ParsedMessage parse_command_message(json argument, const MessageLimits& limits) {
    if (argument.is_object()) return Reader<json>(argument, limits).read();
    if (!argument.is_string()) {
        return refused(errc::not_an_object, "the command message is neither a JSON object nor a string holding one");
    }
    const auto& text = argument.get_ref<const std::string&>();
    if (nested_deeper_than(text, limits.json_depth)) {
        return refused(errc::invalid_json,
                       "the command message is nested deeper than " + std::to_string(limits.json_depth) + " levels");
    }
    auto object = OrderedJson::parse(text, nullptr, false);
    if (object.is_discarded()) return refused(errc::invalid_json, "the command message is a string that is not JSON");
    if (!object.is_object()) {
        return refused(errc::not_an_object, "the command message is a string that holds no JSON object");
    }
    return Reader<OrderedJson>(object, limits).read();
}

Fingerprint fingerprint(const CommandMessage& message) {
    std::string before;
    append_field(before, message.instance_id);
    append_length(before, message.command);
    std::vector<const std::pair<std::string, std::string>*> sorted;
    sorted.reserve(message.parameters.size());
    for (const auto& parameter : message.parameters) sorted.push_back(&parameter);
    std::ranges::sort(sorted, {}, [](const auto* parameter) -> const std::string& { return parameter->first; });
    std::string after;
    for (const auto* parameter : sorted) {
        append_field(after, parameter->first);
        append_field(after, parameter->second);
    }
    return sha256({before, message.command, after});
}

// Written by hand: it is made for every command, and a JSON tree of it costs ten times as much.
std::string to_json(const CommandMessage& message) {
    std::string out;
    out.reserve(message.command.size() + 256);
    append_string(out, R"({"instanceId":)", message.instance_id);
    append_string(out, R"(,"command":)", message.command);
    append_string(out, R"(,"commandSyncId":)", message.command_sync_id);
    append_string(out, R"(,"sessionId":)", message.session_id);
    out += R"(,"parameters":{)";
    bool is_first = true;
    for (const auto& [key, value] : message.parameters) {
        append_string(out, std::exchange(is_first, false) ? "" : ",", key);
        append_string(out, ":", value);
    }
    return out += "}}";
}

}  // namespace jiro::commands
