// SPDX-License-Identifier: MIT
#include "assistant/context.hpp"

#include <algorithm>
#include <cmath>

#include "jiro/base/peer_text.hpp"

namespace jiro::assistant {

namespace {

constexpr std::size_t kMessageBytes = 16;  // what a message costs besides its text
constexpr std::int64_t kLeastAnswer = 256;
constexpr int kSummaryTokens = 600;
constexpr std::string_view kSummaryIntroduction = "Summary of the conversation until here:\n";
constexpr std::string_view kSummaryOrder =
    "You keep the memory of a conversation. Write a summary of it for yourself, in the conversation's language and in "
    "at "
    "most 300 words: facts, names, numbers, decisions, wishes of the user, open questions. No introduction.";

}  // namespace

void TokenScale::learn(std::size_t bytes, std::int64_t tokens) {
    if (tokens < 8 || bytes == 0) return;  // too few to say anything
    const double measured = std::clamp(static_cast<double>(bytes) / static_cast<double>(tokens), 0.5, 8.0);
    bytes_per_token_ = (bytes_per_token_ + measured) / 2;
}

std::int64_t TokenScale::tokens(std::size_t bytes) const noexcept {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>(bytes) / bytes_per_token_));
}

std::size_t TokenScale::bytes(std::int64_t tokens) const noexcept {
    return tokens <= 0 ? 0 : static_cast<std::size_t>(static_cast<double>(tokens) * bytes_per_token_);
}

std::size_t bytes_of(const std::vector<ChatMessage>& messages) noexcept {
    std::size_t bytes = 0;
    for (const auto& message : messages) {
        bytes += kMessageBytes + message.content.size();
        for (const auto& call : message.tool_calls) bytes += call.bytes();
    }
    return bytes;
}

std::size_t admit(std::vector<ToolCall>& calls, int max_calls, std::size_t max_bytes) {
    std::size_t admitted = 0;
    for (bool has_room = true; auto& call : calls) {
        has_room = has_room && static_cast<int>(admitted) < max_calls && call.bytes() <= max_bytes;
        if (has_room) {
            max_bytes -= call.bytes();
            ++admitted;
        } else {
            call.arguments = "{}";
        }
    }
    return admitted;
}

std::size_t history_bytes(const Settings& settings, const TokenScale& scale, std::size_t other_bytes) {
    const std::int64_t for_answer =
        settings.max_tokens ? *settings.max_tokens : std::max<std::int64_t>(settings.context_tokens / 4, kLeastAnswer);
    return scale.bytes(settings.context_tokens - for_answer - scale.tokens(other_bytes));
}

void fit(History& history, std::size_t max_bytes) {
    std::size_t bytes = history.summary.size() > max_bytes ? 0 : history.summary.size();  // else it is not told
    for (const auto& exchange : history.exchanges) bytes += exchange.bytes() + 2 * kMessageBytes;
    auto first = history.exchanges.begin();
    for (; first != history.exchanges.end() && bytes > max_bytes; ++first) bytes -= first->bytes() + 2 * kMessageBytes;
    if (first == history.exchanges.begin()) return;
    history.exchanges.erase(history.exchanges.begin(), first);
    history.has_unsummarized = true;
}

std::string summary_head(const std::string& summary, const Settings& settings, const TokenScale& scale) {
    return shortened(trimmed(summary), history_bytes(settings, scale, 0) / 2);
}

std::vector<ChatMessage> conversation(const std::string& system_prompt, const History& history,
                                      const std::string& question) {
    std::vector<ChatMessage> messages;
    std::string system = system_prompt;
    if (!history.summary.empty()) {
        if (!system.empty()) system += "\n\n";
        system.append(kSummaryIntroduction).append(history.summary);
    }
    if (!system.empty()) messages.push_back({Role::system, std::move(system)});
    for (const auto& exchange : history.exchanges) {
        messages.push_back({Role::user, exchange.question});
        messages.push_back({Role::assistant, exchange.answer});
    }
    messages.push_back({Role::user, question});
    return messages;
}

Question summary_question(const std::string& before, const std::vector<StoredExchange>& exchanges) {
    std::string text;
    if (!before.empty()) text.append("The summary until here:\n").append(before).append("\n\nWhat followed:\n");
    for (const auto& exchange : exchanges) {
        text.append("\nUser: ").append(exchange.question).append("\nAssistant: ").append(exchange.answer).append("\n");
    }
    Question question;
    question.messages.push_back({Role::system, std::string(kSummaryOrder)});
    question.messages.push_back({Role::user, std::move(text)});
    question.max_tokens = kSummaryTokens;
    question.stream = false;
    return question;
}

}  // namespace jiro::assistant
