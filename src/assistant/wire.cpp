// SPDX-License-Identifier: MIT
#include "assistant/wire.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "jiro/assistant/errors.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::assistant {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 4> kRoles{"system", "user", "assistant", "tool"};
constexpr JsonLimits kCompletionLimits{.bytes = 8 * 1024 * 1024, .nodes = 64 * 1024};
constexpr std::size_t kMaxToolCallsAtOnce = 64;
constexpr std::size_t kMaxToolCallBytes = 256 * 1024;  // of all calls at once

constexpr std::int64_t kMostTokens = 1'000'000'000;  // of one turn: their sum has room wherever it is counted

void write_tool_call(JsonWriter& writer, const ToolCall& call) {
    writer.member("id", call.id);
    writer.member("type", "function");
    writer.begin_object("function");
    writer.member("name", call.name);
    writer.member("arguments", call.arguments);
    writer.end_object();
}

void write_message(JsonWriter& writer, const ChatMessage& message) {
    writer.member("role", kRoles[static_cast<std::size_t>(message.role)]);
    writer.member("content", message.content);
    if (!message.tool_calls.empty()) {
        writer.objects("tool_calls", message.tool_calls, [&](const ToolCall& call) { write_tool_call(writer, call); });
    }
    if (!message.tool_call_id.empty()) writer.member("tool_call_id", message.tool_call_id);
}

void write_tool(JsonWriter& writer, const Tool& tool) {
    writer.member("type", "function");
    writer.begin_object("function");
    writer.member("name", tool.name);
    writer.member("description", tool.description);
    writer.member("parameters", json_or_null(tool.parameters));
    writer.end_object();
}

const json* member(const json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

// A text, or a list of parts of which some are texts.
std::string content_of(const json& message) {
    const auto* content = member(message, "content");
    if (content == nullptr) return {};
    if (content->is_string()) return content->get<std::string>();
    std::string text;
    if (content->is_array()) {
        for (const auto& part : *content) text += text_member(part, "text");
    }
    return text;
}

std::int64_t count_member(const json& object, const char* name) {
    return std::clamp<std::int64_t>(member_as<std::int64_t>(object, name).value_or(0), 0, kMostTokens);
}

void take_usage(const json& body, Completion& to) {
    const auto* usage = member(body, "usage");
    if (usage == nullptr || !usage->is_object()) return;
    to.usage = Usage{count_member(*usage, "prompt_tokens"), count_member(*usage, "completion_tokens")};
}

// What an endpoint says of an error: OpenAI's object, a text (Ollama), or `detail` (FastAPI).
struct Complaint {
    std::string message;
    std::string code;  // or its type
};

std::optional<Complaint> complaint_in(const json& body) {
    const auto* error = member(body, "error");
    if (error == nullptr) {
        const auto* other = member(body, "detail");
        if (other == nullptr) other = member(body, "message");
        if (other == nullptr) return std::nullopt;
        return Complaint{other->is_string() ? other->get<std::string>() : other->dump(), {}};
    }
    if (error->is_string()) return Complaint{error->get<std::string>(), {}};
    Complaint complaint{text_member(*error, "message"), text_member(*error, "code")};
    if (complaint.code.empty()) complaint.code = text_member(*error, "type");
    return complaint;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool is_too_long(const Complaint& complaint) {
    const auto message = lower_case(complaint.message);
    return has(complaint.code, "context_length") || complaint.code == "exceed_context_size_error" ||
           has(message, "maximum context length") || has(message, "context size") || has(message, "context window");
}

bool is_unknown_model(const Complaint& complaint) {
    const auto message = lower_case(complaint.message);
    return complaint.code == "model_not_found" || (has(message, "model") && has(message, "not found")) ||
           (has(message, "model") && has(message, "does not exist"));
}

std::string redirection(const http::Response& response) {
    const std::string* location = http::find_header(response.headers, "Location");
    const auto url = location == nullptr ? Result<Url>(Error(errc::redirected)) : Url::parse(*location);
    return url ? " to " + url->redacted() : std::string();
}

struct Meaning {
    errc code;
    std::string text;
};

Meaning meaning_of(unsigned status, const Complaint& complaint, const http::Response& response,
                   const Settings& settings) {
    if (status >= 300 && status < 400) {
        return {errc::redirected, "it redirects" + redirection(response) +
                                      ", which is not followed; if the API is there, put that address into "
                                      "Chat.Endpoint"};
    }
    if (status == 413 || is_too_long(complaint)) {
        return {errc::context_too_long,
                "the question and its history are longer than the model takes; \"reset\" begins anew, and the operator "
                "can lower Chat.ContextTokens (now " +
                    std::to_string(settings.context_tokens) + ")"};
    }
    if (status == 402 || complaint.code == "insufficient_quota") {
        return {errc::payment_required, "the account's quota is used up; the operator must check plan and billing"};
    }
    switch (status) {
        case 401:
            return {errc::unauthorized,
                    "the key was not accepted; the operator must check Chat.ApiKey or Chat.ApiKeyFile"};
        case 403:
            return {errc::forbidden, "the key is valid but may not use this; the operator must check its permissions"};
        case 404:
            if (is_unknown_model(complaint)) break;
            return {errc::not_an_api,
                    "there is no chat API at this address; the operator must check Chat.Endpoint, "
                    "which usually ends with /v1"};
        case 407:
            return {errc::bad_proxy, "a proxy asks for credentials; the operator must put them into Chat.Proxy"};
        case 429:
            return {errc::rate_limited, "too many requests or tokens for now; try again later"};
        default:
            break;
    }
    if (is_unknown_model(complaint)) {
        return {errc::model_not_found, "it does not know the model \"" + excerpt(settings.model, 100) +
                                           "\"; the operator must check Chat.Model"};
    }
    if (status >= 500) return {errc::endpoint_failed, "the endpoint failed; try again, and see its log"};
    return {errc::request_refused, "the endpoint does not take the request"};
}

std::string with_its_words(std::string text, const Complaint& complaint) {
    if (complaint.message.empty()) return text;
    return text.append(kEndpointSays) + complaint.message + ')';
}

Error bad_piece(const std::string& why) { return Error(errc::bad_answer, "the answer cannot be read: " + why); }

// Calls come in fragments, which `index` puts together; some endpoints leave it out and send whole ones.
std::optional<Error> add_tool_calls(const json& calls, std::vector<ToolCall>& to) {
    if (!calls.is_array()) return bad_piece("tool_calls is no list");
    for (const auto& fragment : calls) {
        const auto at = member_as<std::size_t>(fragment, "index").value_or(to.size());
        if (at >= kMaxToolCallsAtOnce)
            return Error(errc::too_many_tool_calls, "the model calls too many tools at once");
        if (at >= to.size()) to.resize(at + 1);
        ToolCall& call = to[at];
        if (auto id = text_member(fragment, "id"); !id.empty()) call.id = std::move(id);
        const auto* function = member(fragment, "function");
        if (function == nullptr) continue;
        call.name += text_member(*function, "name");
        const auto* arguments = member(*function, "arguments");  // Ollama: an object
        if (arguments != nullptr)
            call.arguments += arguments->is_string() ? arguments->get<std::string>() : arguments->dump();
    }
    std::size_t bytes = 0;
    for (const auto& call : to) bytes += call.bytes();
    if (bytes > kMaxToolCallBytes) {
        return Error(errc::too_large, "the arguments of the model's calls of tools are too long");
    }
    return std::nullopt;
}

// `message` of a whole answer, `delta` of a piece.
std::optional<Error> add_message(const json& message, Completion& to) {
    to.text += content_of(message);
    to.refusal += text_member(message, "refusal");
    if (to.text.size() > kMaxTextBytes || to.refusal.size() > kMaxTextBytes) return answer_too_long();
    const auto* calls = member(message, "tool_calls");
    if (calls == nullptr) return std::nullopt;
    return add_tool_calls(*calls, to.tool_calls);
}

std::optional<Error> add_choice(const json& body, const char* name, Completion& to) {
    const auto* choices = member(body, "choices");
    if (choices == nullptr) return std::nullopt;
    if (!choices->is_array()) return bad_piece("its choices are no list");
    if (choices->empty()) return std::nullopt;  // the piece that carries the usage
    const auto& choice = choices->front();
    if (auto reason = text_member(choice, "finish_reason"); !reason.empty()) to.finish_reason = std::move(reason);
    const auto* message = member(choice, name);
    if (message == nullptr) return std::nullopt;
    return add_message(*message, to);
}

Complaint complaint_of(std::string_view text) {
    return complaint_in(json_or_null(text)).value_or(Complaint{to_utf8(text), {}});
}

Error broken_off(const Complaint& complaint) {
    return Error(errc::endpoint_failed, with_its_words("the endpoint broke the answer off", complaint));
}

std::optional<Error> reported_error(const json& body) {
    const bool is_error = member(body, "error") != nullptr || text_member(body, "object") == "error";  // older vLLM
    if (!is_error) return std::nullopt;
    return broken_off(complaint_in(body).value_or(Complaint{}));
}

constexpr std::size_t kEscapeBytes = 6;  // \\uXXXX

bool is_half(std::string_view escape, std::string_view fourth) {
    return escape.size() == kEscapeBytes && escape.starts_with("\\u") && (escape[2] == 'd' || escape[2] == 'D') &&
           fourth.find(escape[3]) != std::string_view::npos;
}
bool is_first_half(std::string_view escape) { return is_half(escape, "89abAB"); }
bool is_second_half(std::string_view escape) { return is_half(escape, "cdefCDEF"); }

// Who cuts an answer into pieces by UTF-16 cuts surrogate pairs, too: the first half is kept for the second, which
// comes in a later piece.
std::string with_whole_pairs(std::string_view data, std::string& first_half) {
    std::string whole;
    const auto take = [&](std::size_t bytes) {
        const auto taken = data.substr(0, bytes);
        data.remove_prefix(taken.size());
        return taken;
    };
    while (!data.empty()) {
        const auto escape = data.substr(0, kEscapeBytes);
        if (is_first_half(escape) && is_second_half(data.substr(kEscapeBytes).substr(0, kEscapeBytes))) {
            whole += take(2 * kEscapeBytes);
        } else if (is_first_half(escape)) {
            first_half = take(kEscapeBytes);
        } else if (is_second_half(escape)) {
            const auto second_half = take(kEscapeBytes);
            whole += first_half.empty() ? "\\ufffd" : std::exchange(first_half, {}).append(second_half);
        } else {
            whole += take(data[0] == '\\' ? 2 : 1);
        }
    }
    return whole;
}

// A number that no double holds is null: nobody may look at it.
Result<json> read_tree(std::string_view text) {
    JsonTree tree;
    if (const auto error = read_json(text, kCompletionLimits, tree)) return Error(error->fault, error->message);
    return std::move(tree).take();
}

Result<json> read_answer(std::string_view data, std::string& first_half) {
    const auto text = to_utf8(data);
    auto read = read_tree(text);
    if (read || read.error().code != JsonFault::lone_surrogate) return read;
    return read_tree(with_whole_pairs(text, first_half));
}

}  // namespace

std::string request_body(const Question& question, const Settings& settings, MaxTokensName name) {
    JsonWriter writer;
    writer.begin_object();
    writer.member("model", settings.model);
    writer.objects("messages", question.messages, [&](const ChatMessage& message) { write_message(writer, message); });
    if (!question.tools.empty()) {
        writer.objects("tools", question.tools, [&](const Tool& tool) { write_tool(writer, tool); });
    }
    const auto max_tokens = question.max_tokens ? question.max_tokens : settings.max_tokens;
    if (max_tokens) {
        writer.member(name == MaxTokensName::max_tokens ? "max_tokens" : "max_completion_tokens", *max_tokens);
    }
    if (settings.temperature) writer.member("temperature", *settings.temperature);
    writer.member("stream", question.stream);
    if (question.stream) {
        writer.begin_object("stream_options");
        writer.member("include_usage", true);
        writer.end_object();
    }
    writer.end_object();
    return std::move(writer).take();
}

Result<Completion> parse_completion(std::string_view body) {
    Completion completion;
    const auto read = read_answer(without_byte_order_mark(body), completion.first_half);
    if (!read || !read->is_object()) {
        return Error(
            errc::not_an_api,
            "the answer is no JSON object; is Chat.Endpoint the address of a chat API, which usually ends with /v1?");
    }
    if (auto error = reported_error(*read)) return std::move(*error);
    if (member(*read, "choices") == nullptr) return bad_piece("it has no choices");
    if (auto error = add_choice(*read, "message", completion)) return std::move(*error);
    take_usage(*read, completion);
    return completion;
}

// Who speaks this protocol names its events as it likes, or not at all, so a name alone says nothing but "error". What
// is not of the protocol is an error in an event without one; in one that has a name it belongs to somebody else.
Result<Piece> add_piece(const StreamEvent& event, Completion& to) {
    const auto data = trimmed(event.data);
    if (event.type == "error") return broken_off(complaint_of(data));
    if (data == "[DONE]") return Piece{true};
    const bool is_ours = event.type.empty() || event.type == "message" || data.starts_with('{');
    if (data.empty() || !is_ours) return Piece{};
    const auto read = read_answer(data, to.first_half);
    if (!read) return bad_piece(read.error().message);
    if (!read->is_object()) return bad_piece("it is no JSON object");
    if (auto error = reported_error(*read)) return std::move(*error);
    take_usage(*read, to);
    if (auto error = add_choice(*read, "delta", to)) return std::move(*error);
    return Piece{};
}

Error answer_too_long() {
    return Error(errc::too_large, "the answer is longer than " + std::to_string(kMaxTextBytes) + " bytes");
}

Error status_error(const http::Response& response, const Settings& settings) {
    const auto body = json_or_null(without_byte_order_mark(response.body));
    const auto complaint = complaint_in(body).value_or(Complaint{});
    auto [code, text] = meaning_of(response.status, complaint, response, settings);
    text = "the model's endpoint answered " + std::to_string(response.status) + ": " + text;
    return Error(code, with_its_words(std::move(text), complaint));
}

bool wants_other_max_tokens(const http::Response& response) {
    return (response.status == 400 || response.status == 422) && has(response.body, "max_completion_tokens");
}

// "length" is OpenAI's; Mistral's context ends with "model_length", and gateways hand on Anthropic's "max_tokens".
bool is_cut_short(const Completion& completion) {
    const auto& reason = completion.finish_reason;
    return reason == "length" || reason == "model_length" || reason == "max_tokens";
}

std::optional<Error> fault_of(const Completion& completion, const Settings& settings) {
    if (!completion.refusal.empty()) {
        return Error(errc::refused, std::string(kModelRefuses) + completion.refusal);
    }
    if (completion.finish_reason == "content_filter") {
        return Error(errc::refused, "the endpoint's content filter stopped the answer");
    }
    if (completion.finish_reason == "error") return broken_off({});
    if (!completion.text.empty() || !completion.tool_calls.empty()) return std::nullopt;
    if (is_cut_short(completion)) {
        return Error(
            errc::empty_answer,
            "the model used all its tokens without a word of an answer; the operator can raise Chat.MaxTokens" +
                (settings.max_tokens ? " (now " + std::to_string(*settings.max_tokens) + ')' : std::string()));
    }
    return Error(errc::empty_answer, "the model gave an empty answer; ask again in other words");
}

}  // namespace jiro::assistant
