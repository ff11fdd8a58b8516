// SPDX-License-Identifier: MIT
#pragma once
// Asks the model: one question, one answer, by POST /chat/completions. Every step has its limit, every failure its name
// (errors.hpp). What it learns from answers is true of one model at one endpoint: for another there is another client.
// Event loop only.

#include <functional>
#include <memory>
#include <optional>

#include "assistant/context.hpp"
#include "assistant/wire.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/base/task.hpp"
#include "jiro/http/client.hpp"

namespace jiro::assistant {

using SettingsPtr = std::shared_ptr<const Settings>;

// What has come, as it comes: it stays when the question fails or is cancelled.
struct Answer {
    Completion completion;
    std::optional<TimePoint> first_piece_at;
    std::function<void()> on_progress{};
};

class ModelClient {
  public:
    // The key is in api_key; asked at each request.
    using Credentials = std::function<Result<jiro::Credentials>()>;

    ModelClient(Clock& clock, Environment environment, Credentials credentials)
        : clock_(clock), environment_(std::move(environment)), credentials_(std::move(credentials)) {}

    // `to` must outlive the task. Success: the answer is one, and has ended, if need be where is_cut_short says. No
    // error has the key in it.
    [[nodiscard]] Task<Result<>> complete(Question question, SettingsPtr settings, TimePoint deadline, Answer& to);
    [[nodiscard]] TokenScale& scale() noexcept { return scale_; }

  private:
    struct Asking;

    [[nodiscard]] Task<Result<>> try_until_answered(Asking& asking);
    [[nodiscard]] Task<Result<http::Connection>> connect(Asking& asking);
    [[nodiscard]] Result<http::Endpoint> endpoint_for(const Settings& settings) const;
    [[nodiscard]] Task<Result<>> read_answer(Asking& asking, http::Connection& connection, http::Response head);
    [[nodiscard]] Task<Result<>> read_stream(Asking& asking, http::Connection& connection);
    [[nodiscard]] Task<Result<std::string_view>> read_piece(Asking& asking, http::Connection& connection);
    [[nodiscard]] std::optional<Duration> wait_asked_by(const http::Response& response, const Asking& asking) const;

    Clock& clock_;
    Environment environment_;
    Credentials credentials_;
    MaxTokensName max_tokens_name_ = MaxTokensName::max_tokens;  // which it takes
    TokenScale scale_;
};

}  // namespace jiro::assistant
