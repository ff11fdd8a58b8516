// SPDX-License-Identifier: MIT
#pragma once
// Answers questions by a model, in conversations that it keeps. The question is stored before the model is asked, the
// answer as it comes, and whole before anybody is given it. One exchange at a time in a session, sessions beside each
// other. Built by the daemon when there is a model; event loop only.
//
//     auto exchange = assistant.ask({.session_id = id, .text = "Hello"});
//     co_await exchange->until_ended();     // or until_more() and text(), word by word
//     exchange->end().answer

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "jiro/assistant/probe.hpp"
#include "jiro/assistant/sessions.hpp"
#include "jiro/assistant/settings.hpp"
#include "jiro/assistant/tool_box.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/random.hpp"
#include "jiro/base/task.hpp"

namespace jiro::assistant {

struct Ask {
    std::string session_id{};  // empty: a new one
    std::string instance_id{};
    std::string command_sync_id{};  // for the log
    std::string text{};
    std::optional<TimePoint> deadline{};  // unset: Settings::timeout from now
};

// How an exchange ended.
struct ExchangeEnd {
    std::string answer;          // with an error: what came until then
    std::optional<Error> error;  // nothing: the answer has ended by itself
    bool is_cut_short = false;   // at its limit of tokens, as `answer` says at its end
    std::optional<Error> not_stored;
    std::int64_t prompt_tokens = 0;  // estimated where the endpoint does not tell
    std::int64_t completion_tokens = 0;
    bool is_estimated = false;
    std::optional<Duration> first_token;
    Duration time{};
    int tool_calls = 0;

    [[nodiscard]] double tokens_per_second() const noexcept;
    // "812 tokens in, 64 out, first after 0.4 s, 31.2 tokens/s"
    [[nodiscard]] std::string note() const;
    // For the one who asked: the answer, or why there is none and what came until then.
    [[nodiscard]] std::string words() const;
};

class Exchange {
  public:
    struct Impl;
    explicit Exchange(std::unique_ptr<Impl> impl);
    ~Exchange();

    [[nodiscard]] const std::string& session_id() const noexcept;
    [[nodiscard]] const std::string& answer_id() const noexcept;  // of the answer, as a message of the session
    [[nodiscard]] const std::string& text() const noexcept;       // of the answer, so far
    [[nodiscard]] bool has_ended() const noexcept;
    [[nodiscard]] const ExchangeEnd& end() const noexcept;  // when it has

    [[nodiscard]] Task<> until_ended();
    [[nodiscard]] Task<> until_more();  // text() has grown, or it has ended
    // Stops the model at once; what came is stored, marked as cut. It ends soon.
    void cancel(std::string reason);

  private:
    friend class Assistant;
    std::unique_ptr<Impl> impl_;
};

struct Figures {
    std::uint64_t running = 0;
    std::uint64_t answered = 0;
    std::map<std::string, std::uint64_t> failed;  // by the error's name
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t tool_calls = 0;
    std::optional<Duration> last_first_token;
    std::optional<Duration> last_time;
    std::optional<double> last_tokens_per_second;
    std::string last_error;
    std::string storage_problem;
};

class Assistant {
  public:
    struct Parts {
        Executor executor;
        Clock& clock;
        RandomSource& random;
        Environment environment;
        CredentialsProvider credentials;
        Sessions& sessions;
        ToolBox* tools = nullptr;
    };

    Assistant(Parts parts, Settings settings);
    ~Assistant();
    Assistant(const Assistant&) = delete;
    Assistant& operator=(const Assistant&) = delete;

    [[nodiscard]] std::shared_ptr<Exchange> ask(Ask ask);
    // The exchange of this session that has not ended, with this answer; an empty id: the first there is. Null: none.
    [[nodiscard]] std::shared_ptr<Exchange> find(const std::string& session_id, const std::string& answer_id) const;
    [[nodiscard]] Task<> until_asked();  // until there is another exchange

    // For what is asked from now on.
    void update(Settings settings);
    [[nodiscard]] const Settings& settings() const noexcept;
    [[nodiscard]] Figures figures() const;
    [[nodiscard]] Sessions& sessions() noexcept;

    // Cancels what is under way; true when all has ended before `deadline`.
    [[nodiscard]] Task<bool> stop(TimePoint deadline);

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace jiro::assistant
