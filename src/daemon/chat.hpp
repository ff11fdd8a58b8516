// SPDX-License-Identifier: MIT
#pragma once
// The assistant in the daemon: its parts, made when the configuration names a model, and what the other parts get of
// it. Event loop only.

#include <filesystem>

#include "daemon/chat_tools.hpp"
#include "daemon/credential_store.hpp"
#include "jiro/assistant/assistant.hpp"
#include "jiro/config/config.hpp"
#include "jiro/monitor/status.hpp"

namespace jiro::daemon {

class Chat {
  public:
    Chat(const Executor& executor, Clock& clock, RandomSource& random, ToolCommands commands, Environment environment,
         const config::Config& config, std::filesystem::path sessions_file);

    void update(const config::Config& config);

    [[nodiscard]] assistant::Assistant& assistant() noexcept { return assistant_; }
    [[nodiscard]] assistant::Sessions& sessions() noexcept { return sessions_; }
    [[nodiscard]] monitor::ChatStatus status() const;

  private:
    CredentialStore credentials_;
    assistant::Sessions sessions_;
    ChatTools tools_;
    assistant::Assistant assistant_;
};

}  // namespace jiro::daemon
