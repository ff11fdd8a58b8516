// SPDX-License-Identifier: MIT
#include "daemon/chat.hpp"

namespace jiro::daemon {

Chat::Chat(const Executor& executor, Clock& clock, RandomSource& random, ToolCommands commands, Environment environment,
           const config::Config& config, std::filesystem::path sessions_file)
    : credentials_(config.chat_credentials, environment),
      sessions_(clock, std::move(sessions_file), config.chat),
      tools_(random, std::move(commands)),
      assistant_({executor, clock, random, environment, credentials_.for_hub(), sessions_, &tools_}, config.chat) {
    tools_.update(config.commands.trust.require);
}

void Chat::update(const config::Config& config) {
    credentials_.replace(config.chat_credentials);
    assistant_.update(config.chat);
    tools_.update(config.commands.trust.require);
}

monitor::ChatStatus Chat::status() const {
    const auto figures = assistant_.figures();
    const auto seconds = [](const std::optional<Duration>& duration) {
        return duration ? std::optional(std::chrono::duration<double>(*duration).count()) : std::nullopt;
    };
    monitor::ChatStatus status;
    status.model = assistant_.settings().model;
    status.running = figures.running;
    status.answered = figures.answered;
    status.failed_by_error.assign(figures.failed.begin(), figures.failed.end());
    status.prompt_tokens = figures.prompt_tokens;
    status.completion_tokens = figures.completion_tokens;
    status.tool_calls = figures.tool_calls;
    status.last_first_token_seconds = seconds(figures.last_first_token);
    status.last_seconds = seconds(figures.last_time);
    status.last_tokens_per_second = figures.last_tokens_per_second;
    status.last_error = figures.last_error;
    status.storage_problem = figures.storage_problem;
    return status;
}

}  // namespace jiro::daemon
