// SPDX-License-Identifier: MIT
#pragma once
// The endpoint's words: the request of POST /chat/completions, its answer whole or in pieces, and what its errors mean
// to the user and the operator (those words as they came: they may be long, and repeat the key). As OpenAI's reference
// has them, and as llama.cpp, Ollama, vLLM and others speak them: members that are not known are ignored, those that
// are missing are lived without. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assistant/event_stream.hpp"
#include "jiro/assistant/settings.hpp"
#include "jiro/assistant/tool_box.hpp"
#include "jiro/base/error.hpp"
#include "jiro/http/message.hpp"

namespace jiro::assistant {

inline constexpr std::size_t kMaxTextBytes = 1024 * 1024;  // of a question, and of an answer

// Behind them stand the words of the endpoint, or of the model.
inline constexpr std::string_view kEndpointSays = " (it says: ";
inline constexpr std::string_view kModelRefuses = "the model refuses: ";

enum class Role { system, user, assistant, tool };

struct ToolCall {
    std::string id;
    std::string name;
    std::string arguments;  // JSON, as the model wrote it

    [[nodiscard]] std::size_t bytes() const noexcept { return id.size() + name.size() + arguments.size(); }
};

struct ChatMessage {
    Role role = Role::user;
    std::string content;
    std::vector<ToolCall> tool_calls{};  // of the assistant's
    std::string tool_call_id{};          // of a tool's: the call that it answers
};

struct Usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
};

struct Completion {
    std::string text;
    std::string refusal;  // the model's own, in its words
    std::vector<ToolCall> tool_calls;
    std::string finish_reason;
    std::optional<Usage> usage;
    std::string first_half{};  // of a surrogate pair, as JSON escapes it; the other may come with a later piece
};

struct Question {
    std::vector<ChatMessage> messages;
    std::vector<Tool> tools{};
    std::optional<int> max_tokens{};
    bool stream = true;
};

// Which member carries max_tokens: newer models of OpenAI's want another name than everybody else does.
enum class MaxTokensName { max_tokens, max_completion_tokens };

[[nodiscard]] std::string request_body(const Question& question, const Settings& settings, MaxTokensName name);

// The body of a 200 that is one JSON object.
[[nodiscard]] Result<Completion> parse_completion(std::string_view body);

// One event, added to what came before; it may have nothing of the answer, as figures and pings have not. An error ends
// the answer. `is_end`: nothing comes after it.
struct Piece {
    bool is_end = false;
};
[[nodiscard]] Result<Piece> add_piece(const StreamEvent& event, Completion& to);

[[nodiscard]] Error answer_too_long();  // over kMaxTextBytes

// What any other status than 200 means.
[[nodiscard]] Error status_error(const http::Response& response, const Settings& settings);

// Whether that answer says that max_tokens has another name than it was sent with.
[[nodiscard]] bool wants_other_max_tokens(const http::Response& response);

// An answer that has ended at its limit of tokens, Chat.MaxTokens or the endpoint's own. One without a finish_reason is
// whole: many servers give none.
[[nodiscard]] bool is_cut_short(const Completion& completion);

// An answer that has ended: the error if it is none (a refusal, nothing at all), by what it says.
[[nodiscard]] std::optional<Error> fault_of(const Completion& completion, const Settings& settings);

}  // namespace jiro::assistant
