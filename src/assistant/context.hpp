// SPDX-License-Identifier: MIT
#pragma once
// How much the model is told: tokens as bytes, and the history that fits. Pure.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "assistant/session_file.hpp"
#include "assistant/wire.hpp"

namespace jiro::assistant {

// How many bytes a token is worth: a guess on the safe side, then what the endpoint's own figures say.
class TokenScale {
  public:
    void learn(std::size_t bytes, std::int64_t tokens);
    [[nodiscard]] std::int64_t tokens(std::size_t bytes) const noexcept;
    [[nodiscard]] std::size_t bytes(std::int64_t tokens) const noexcept;

  private:
    double bytes_per_token_ = 3.0;
};

[[nodiscard]] std::size_t bytes_of(const std::vector<ChatMessage>& messages) noexcept;

// How many of `calls` are made, the first ones, when so many may be and they may hold so many bytes. Those that are not
// lose their arguments.
[[nodiscard]] std::size_t admit(std::vector<ToolCall>& calls, int max_calls, std::size_t max_bytes);

// What is left of Chat.ContextTokens for history and summary when the rest of the question has its place, the answer
// too.
[[nodiscard]] std::size_t history_bytes(const Settings& settings, const TokenScale& scale, std::size_t other_bytes);

// Leaves the newest exchanges that fit together with the summary; one that does not fit alone is not told.
void fit(History& history, std::size_t max_bytes);

// As much of a summary as has room whatever is asked: half of what the history may have. An endpoint may write more
// than it was asked for, and what it says in all of it is told with each question.
[[nodiscard]] std::string summary_head(const std::string& summary, const Settings& settings, const TokenScale& scale);

// System prompt with the summary, history, question.
[[nodiscard]] std::vector<ChatMessage> conversation(const std::string& system_prompt, const History& history,
                                                    const std::string& question);

// What asks for a summary of `exchanges`, with the one before.
[[nodiscard]] Question summary_question(const std::string& before, const std::vector<StoredExchange>& exchanges);

}  // namespace jiro::assistant
