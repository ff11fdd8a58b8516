// SPDX-License-Identifier: MIT
#pragma once
// What the operator decides about the assistant: the `Chat` section of the configuration, without the key, which is
// asked for at each request. A plain value: a reload passes a new one. Without a model there is no assistant: no file
// is made, no thread started.

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/http/settings.hpp"

namespace jiro::assistant {

// The commands that are there when the assistant is.
inline constexpr std::array<std::string_view, 5> kCommandNames{"chat", "reset", "session", "sessionInfo", "sessions"};

struct Settings {
    bool enabled = true;  // Chat.Enabled: false switches off what has a model
    std::string model;    // empty: not configured
    Url endpoint = *Url::parse("https://api.openai.com/v1");
    std::string system_prompt;
    std::filesystem::path system_prompt_file;  // read at each request
    std::optional<int> max_tokens;             // of one answer; unset: the endpoint's own limit
    std::optional<double> temperature;         // unset: the endpoint's own
    bool stream = true;                        // answers come word by word

    std::chrono::milliseconds timeout{280'000};         // of one exchange; the production server waits for 300 s
    std::chrono::milliseconds connect_timeout{10'000};  // each of: name, TCP, proxy, TLS
    std::chrono::milliseconds idle_timeout{60'000};     // between two pieces of an answer

    int context_tokens = 8192;       // of the model: system prompt, history, question and answer together
    std::vector<std::string> tools;  // commands that the model may call
    int max_tool_calls = 8;          // for one question

    std::optional<Url> proxy;
    http::TlsSettings tls;

    std::filesystem::path path;  // of the sessions; empty: beside the outbox
    int max_sessions = 10'000;
    std::chrono::days max_age{0};  // since a session's last use; 0: no limit
    std::uint64_t max_bytes = 1024ULL * 1024 * 1024;

    bool log_texts = false;  // Logging.CommandText

    [[nodiscard]] bool is_configured() const noexcept { return enabled && !model.empty(); }

    friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace jiro::assistant
