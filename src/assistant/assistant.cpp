// SPDX-License-Identifier: MIT
#include "jiro/assistant/assistant.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cmath>
#include <deque>
#include <list>

#include "assistant/context.hpp"
#include "assistant/exchange.hpp"
#include "assistant/log.hpp"
#include "jiro/assistant/errors.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/storage_error.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::assistant {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kSaveEvery = 1s;
constexpr auto kPromptFileLimit = 2s;
constexpr std::size_t kPromptFileBytes = 64 * 1024;
constexpr std::size_t kMaxSessionIdBytes = 256;
constexpr std::size_t kMaxWaiting = 16;  // for one session
constexpr std::size_t kMaxToolTextBytes = 32 * 1024;

constexpr std::string_view kCutShort =
    "\n\n*(The answer was cut off here, at its limit of tokens: Chat.MaxTokens, or the endpoint's own.)*";

using ExchangePtr = std::shared_ptr<Exchange>;

std::optional<Error> fault_in(const Ask& ask) {
    if (trimmed(ask.text).empty()) return Error(errc::empty_text, "there is nothing to answer: the text is empty");
    if (ask.text.size() > kMaxTextBytes) {
        return Error(errc::text_too_long, "the text is " + std::to_string(ask.text.size()) +
                                              " bytes long, over the limit of " + std::to_string(kMaxTextBytes) +
                                              " bytes");
    }
    if (ask.session_id.size() > kMaxSessionIdBytes || has_control_characters(ask.session_id)) {
        return Error(errc::bad_session_id, "the session's id is longer than 256 bytes, or has control characters");
    }
    return std::nullopt;
}

std::string name_of(const Error& error) {
    std::string name = "internal";
    if (error.code.category() == assistant_category()) name = error.code.message();
    if (error.code.category() == storage_category()) name = "storage_" + error.code.message();
    std::ranges::replace(name, ' ', '_');
    return name;
}

std::chrono::milliseconds milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

// For log and status. What the model or its endpoint says about a question may repeat it.
std::string loggable(const Error& error, const Settings& settings) {
    if (settings.log_texts) return error.message;
    if (error.message.starts_with(kModelRefuses)) return "the model refuses";
    return error.message.substr(0, error.message.find(kEndpointSays));
}

OutsideFunctions<Result<FileContent>>& prompt_readers() {
    static auto& functions = *new OutsideFunctions<Result<FileContent>>("prompt", 2);
    return functions;
}

}  // namespace

// Who has a session, and who waits for it, in their order.
struct Lane {
    std::deque<const Exchange::Impl*> waiting;
    bool is_taken = false;
};

struct Assistant::Impl : std::enable_shared_from_this<Assistant::Impl> {
    Impl(Parts given, Settings first)
        : parts(std::move(given)),
          settings(std::make_shared<const Settings>(std::move(first))),
          model(make_model()),
          lane_freed(parts.executor),
          asked(parts.executor),
          group([](const std::exception_ptr&) {}) {}

    [[nodiscard]] std::shared_ptr<ModelClient> make_model() const {
        return std::make_shared<ModelClient>(parts.clock, parts.environment, parts.credentials);
    }
    Task<> run(ExchangePtr exchange);
    Task<Result<>> answer(Exchange::Impl& exchange, ExchangeEnd& end);
    Task<Result<>> take_lane(Exchange::Impl& exchange);
    void free_lane(const std::string& session_id);
    Task<Result<std::string>> system_prompt(const Settings& with);
    Task<> summarize(Exchange::Impl& exchange, History& history, std::size_t max_bytes);
    Task<Result<>> converse(Exchange::Impl& exchange, std::vector<ChatMessage> messages, ExchangeEnd& end);
    Task<Result<>> ask_model(Exchange::Impl& exchange, Question question, ExchangeEnd& end);
    Task<bool> call_tools(Exchange::Impl& exchange, std::vector<ChatMessage>& messages, std::size_t max_bytes,
                          ExchangeEnd& end);
    Task<bool> until_ended(Exchange::Impl& exchange, Task<> task);
    void count(const Exchange::Impl& exchange, const ExchangeEnd& end);

    Parts parts;
    SettingsPtr settings;
    std::shared_ptr<ModelClient> model;  // of the settings' model and endpoint
    std::map<std::string, Lane> lanes;
    Event lane_freed;
    Event asked;
    TaskGroup group;
    std::list<std::weak_ptr<Exchange>> under_way;
    Figures figures;
};

Assistant::Assistant(Parts parts, Settings settings)
    : impl_(std::make_shared<Impl>(std::move(parts), std::move(settings))) {}

Assistant::~Assistant() = default;

void Assistant::update(Settings settings) {
    impl_->parts.sessions.update_limits(settings);
    const Settings& before = *impl_->settings;
    if (settings.model != before.model || settings.endpoint != before.endpoint) impl_->model = impl_->make_model();
    impl_->settings = std::make_shared<const Settings>(std::move(settings));
}

const Settings& Assistant::settings() const noexcept { return *impl_->settings; }
Sessions& Assistant::sessions() noexcept { return impl_->parts.sessions; }

Figures Assistant::figures() const {
    Figures figures = impl_->figures;
    figures.storage_problem = impl_->parts.sessions.problem();
    return figures;
}

std::shared_ptr<Exchange> Assistant::ask(Ask ask) {
    if (ask.session_id.empty()) ask.session_id = impl_->parts.random.uuid();
    auto state = std::make_unique<Exchange::Impl>(impl_->parts.executor, std::move(ask), impl_->settings, impl_->model);
    state->started = impl_->parts.clock.now();
    if (!state->ask.deadline) state->ask.deadline = state->started + state->settings->timeout;
    state->answer_id = impl_->parts.random.uuid();
    auto exchange = std::make_shared<Exchange>(std::move(state));
    std::erase_if(impl_->under_way, [](const auto& known) { return known.expired(); });
    impl_->under_way.push_back(exchange);
    impl_->asked.notify();
    impl_->group.spawn(impl_->parts.executor, impl_->run(exchange));
    return exchange;
}

std::shared_ptr<Exchange> Assistant::find(const std::string& session_id, const std::string& answer_id) const {
    for (const auto& known : impl_->under_way) {
        auto exchange = known.lock();
        if (!exchange || exchange->has_ended() || exchange->session_id() != session_id) continue;
        if (answer_id.empty() || exchange->answer_id() == answer_id) return exchange;
    }
    return nullptr;
}

Task<> Assistant::until_asked() { return impl_->asked.wait(); }

Task<bool> Assistant::stop(TimePoint deadline) {
    for (const auto& known : impl_->under_way) {
        if (const auto exchange = known.lock()) exchange->cancel("the client is stopping");
    }
    return impl_->group.wait_until(impl_->parts.clock, deadline);
}

// However it ends, the one who asked hears of it.
Task<> Assistant::Impl::run(ExchangePtr exchange) {
    const auto self = shared_from_this();
    Exchange::Impl& state = *exchange->impl_;
    ++figures.running;
    ExchangeEnd end;
    try {
        auto answering = answer(state, end);
        const auto answered = co_await std::move(answering);
        if (!answered) end.error = answered.error();
    } catch (const std::exception& error) {
        end.error = Error(make_error_code(errc::endpoint_failed), error.what());
    }
    end.answer = state.text;
    end.time = parts.clock.now() - state.started;
    --figures.running;
    count(state, end);
    state.end = std::move(end);
    state.changed.notify();
}

Task<Result<>> Assistant::Impl::answer(Exchange::Impl& exchange, ExchangeEnd& end) {
    if (auto fault = fault_in(exchange.ask)) co_return std::move(*fault);
    const auto taken = co_await take_lane(exchange);
    if (!taken) co_return taken.error();
    const AtEnd at_end([&] { free_lane(exchange.ask.session_id); });

    const Settings& with = *exchange.settings;
    auto prompt = co_await system_prompt(with);
    if (!prompt) co_return prompt.error();

    const auto room = history_bytes(with, exchange.model->scale(), prompt->size() + exchange.ask.text.size());
    NewExchange stored{exchange.ask.session_id,
                       exchange.ask.instance_id,
                       to_utf8(exchange.ask.text),
                       parts.random.uuid(),
                       exchange.answer_id,
                       {},
                       room};
    auto history = co_await parts.sessions.begin(std::move(stored));
    if (!history) co_return history.error().with_prefix("the question cannot be stored, so it is not asked");

    history->summary = summary_head(history->summary, with, exchange.model->scale());
    fit(*history, room);
    if (history->has_unsummarized && !exchange.cancel_reason) {
        auto summarizing = summarize(exchange, *history, room);
        co_await std::move(summarizing);
    }
    if (history->summary.size() > room) history->summary.clear();  // the question is a long one
    auto conversing = converse(exchange, conversation(*prompt, *history, to_utf8(exchange.ask.text)), end);
    const auto answered = co_await std::move(conversing);

    // A refusal is an answer, too.
    const auto& refusal = exchange.answer.completion.refusal;
    const bool is_refusal = exchange.text.empty() && !refusal.empty();
    const bool is_whole = (answered && !end.is_cut_short) || is_refusal;
    const auto state = is_whole ? AnswerState::whole : AnswerState::cut;
    auto text = is_refusal ? refusal : exchange.text;
    const auto written =
        co_await parts.sessions.write_answer(exchange.answer_id, std::move(text), state, end.completion_tokens);
    if (!written) end.not_stored = written.error();
    if (end.is_cut_short) exchange.text += kCutShort;
    co_return answered;
}

// First come, first served.
Task<Result<>> Assistant::Impl::take_lane(Exchange::Impl& exchange) {
    const std::string id = exchange.ask.session_id;
    Lane& lane = lanes[id];
    if (lane.waiting.size() >= kMaxWaiting) {
        co_return Error(errc::busy, "too many questions wait for an answer in this session; wait for one");
    }
    lane.waiting.push_back(&exchange);
    exchange.wake_up = [this] { lane_freed.notify(); };
    const auto is_next = [&] { return !lane.is_taken && lane.waiting.front() == &exchange; };
    while (!is_next() && !exchange.cancel_reason && parts.clock.now() < *exchange.ask.deadline) {
        auto waiting = lane_freed.wait();
        const Duration left = *exchange.ask.deadline - parts.clock.now();
        static_cast<void>(co_await with_timeout(parts.clock, left, std::move(waiting)));
    }
    exchange.wake_up = nullptr;
    const bool is_its_turn = is_next();
    std::erase(lane.waiting, &exchange);
    if (exchange.cancel_reason || !is_its_turn) {
        if (!lane.is_taken && lane.waiting.empty()) lanes.erase(id);
        lane_freed.notify();  // whoever is next may have seen that it was this one's turn
        if (exchange.cancel_reason) co_return Error(errc::cancelled, *exchange.cancel_reason);
        co_return Error(errc::timeout, "the question before this one in the session has no answer yet");
    }
    lane.is_taken = true;
    co_return Result<>();
}

void Assistant::Impl::free_lane(const std::string& session_id) {
    const auto found = lanes.find(session_id);
    found->second.is_taken = false;
    if (found->second.waiting.empty()) lanes.erase(found);
    lane_freed.notify();
}

Task<Result<std::string>> Assistant::Impl::system_prompt(const Settings& with) {
    if (with.system_prompt_file.empty()) co_return with.system_prompt;
    const auto path = with.system_prompt_file;
    std::function<Result<FileContent>()> read = [path] { return read_small_file(path, kPromptFileBytes); };
    std::string key = path.string();
    auto content = co_await prompt_readers().run(std::move(key), std::move(read), parts.clock, kPromptFileLimit);
    if (!content) co_return Error(errc::prompt_file, path.string() + " (Chat.SystemPromptFile) does not answer");
    if (!*content) {
        co_return Error(errc::prompt_file, path.string() + " (Chat.SystemPromptFile) " + content->error().message);
    }
    co_return to_utf8(trimmed((*content)->text));
}

// The older half of what the model was told until now makes room, so that this is not needed at each question. Without
// a summary the conversation goes on all the same.
Task<> Assistant::Impl::summarize(Exchange::Impl& exchange, History& history, std::size_t max_bytes) {
    fit(history, max_bytes / 2);
    const auto before = history.exchanges.empty() ? INT64_MAX : history.exchanges.front().sequence;
    const std::string id = exchange.ask.session_id;
    const auto older = co_await parts.sessions.unsummarized(id, before, max_bytes);
    if (!older || older->empty()) co_return;

    Answer summary;
    std::optional<Result<>> asked;
    auto asking = exchange.model->complete(summary_question(history.summary, *older), exchange.settings,
                                           *exchange.ask.deadline, summary);
    auto keeping = into(asked, std::move(asking));
    const bool has_ended = co_await until_ended(exchange, std::move(keeping));
    if (!has_ended || !asked) co_return;
    if (summary.completion.usage) {
        figures.prompt_tokens += static_cast<std::uint64_t>(summary.completion.usage->prompt_tokens);
        figures.completion_tokens += static_cast<std::uint64_t>(summary.completion.usage->completion_tokens);
    }
    auto text = summary_head(summary.completion.text, *exchange.settings, exchange.model->scale());
    if (is_cut_short(summary.completion) && !text.empty()) text += kCut;  // the most of it is more than nothing
    if (*asked && text.empty()) asked = Error(errc::empty_answer, "the model wrote no summary");
    if (!*asked) {
        assistant_log.warn("The earlier conversation could not be summarized; the model is told the latest part only",
                           {{"session_id", id}, {"reason", loggable(asked->error(), *exchange.settings)}});
        co_return;
    }
    history.summary = std::move(text);
    const auto stored = co_await parts.sessions.set_summary(id, history.summary, older->back().sequence);
    if (!stored) assistant_log.warn("A summary could not be stored", {{"reason", stored.error().message}});
    assistant_log.info("The earlier part of a conversation was summarized",
                       {{"session_id", id}, {"exchanges", older->size()}, {"bytes", history.summary.size()}});
}

// The model's turns, until one of them calls no tool.
Task<Result<>> Assistant::Impl::converse(Exchange::Impl& exchange, std::vector<ChatMessage> messages,
                                         ExchangeEnd& end) {
    const Settings& with = *exchange.settings;
    const auto max_bytes =
        bytes_of(messages) + exchange.model->scale().bytes(with.context_tokens);  // no model can take more
    for (bool may_call = parts.tools != nullptr && !with.tools.empty();;) {
        Question question{messages, {}, {}, with.stream};
        if (may_call) question.tools = parts.tools->tools(with.tools);
        auto asking = ask_model(exchange, std::move(question), end);
        const auto asked = co_await std::move(asking);
        if (!asked) co_return asked;
        if (exchange.text.size() > kMaxTextBytes) co_return answer_too_long();
        if (exchange.answer.completion.tool_calls.empty()) co_return asked;
        if (!may_call) co_return Error(errc::too_many_tool_calls, "the model calls tools and gives no answer");
        if (!exchange.text.empty()) exchange.earlier = exchange.text + "\n\n";
        auto calling = call_tools(exchange, messages, max_bytes, end);
        may_call = co_await std::move(calling);
        if (exchange.cancel_reason) co_return Error(errc::cancelled, *exchange.cancel_reason);
    }
}

Task<Result<>> Assistant::Impl::ask_model(Exchange::Impl& exchange, Question question, ExchangeEnd& end) {
    if (exchange.cancel_reason) co_return Error(errc::cancelled, *exchange.cancel_reason);
    const auto asked_bytes = bytes_of(question.messages);
    exchange.answer = Answer{};
    exchange.text = exchange.earlier;
    exchange.answer.on_progress = [&exchange] {
        exchange.text.append(exchange.answer.completion.text, exchange.text.size() - exchange.earlier.size());
        exchange.changed.notify();
    };
    std::optional<Result<>> asked;
    auto asking =
        exchange.model->complete(std::move(question), exchange.settings, *exchange.ask.deadline, exchange.answer);
    auto keeping = into(asked, std::move(asking));
    const bool has_ended = co_await until_ended(exchange, std::move(keeping));
    exchange.answer.on_progress();
    exchange.answer.on_progress = nullptr;

    const auto& completion = exchange.answer.completion;
    auto& scale = exchange.model->scale();
    if (exchange.answer.first_piece_at && !end.first_token) {
        end.first_token = *exchange.answer.first_piece_at - exchange.started;
    }
    if (completion.usage && completion.usage->prompt_tokens > 0) {
        end.prompt_tokens += completion.usage->prompt_tokens;
        end.completion_tokens += completion.usage->completion_tokens;
        scale.learn(asked_bytes, completion.usage->prompt_tokens);
    } else if (exchange.answer.first_piece_at) {
        end.prompt_tokens += scale.tokens(asked_bytes);
        end.completion_tokens += scale.tokens(completion.text.size());
        end.is_estimated = true;
    }
    if (!has_ended || !asked) co_return Error(errc::cancelled, exchange.cancel_reason.value_or("cancelled"));
    end.is_cut_short = *asked && is_cut_short(completion);
    co_return *asked;
}

// Each call counts, also that of a tool that there is not, and each text takes of `max_bytes` for all messages: so the
// turns end. false: the model has to answer with what it has.
Task<bool> Assistant::Impl::call_tools(Exchange::Impl& exchange, std::vector<ChatMessage>& messages,
                                       std::size_t max_bytes, ExchangeEnd& end) {
    const Settings& with = *exchange.settings;
    const auto bytes_left = [&] { return max_bytes - std::min(max_bytes, bytes_of(messages)); };
    messages.push_back({Role::assistant, exchange.answer.completion.text});
    auto calls = exchange.answer.completion.tool_calls;
    const auto made = admit(calls, with.max_tool_calls - end.tool_calls, bytes_left());
    end.tool_calls += static_cast<int>(made);
    messages.back().tool_calls = calls;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        ToolCall call = calls[i];
        std::optional<std::string> text;
        if (i >= made) {
            text = "not called: the limit of calls for one question is reached; answer with what you have";
        } else if (std::ranges::find(with.tools, call.name) == with.tools.end()) {
            text = "there is no such tool";
        } else if (!exchange.cancel_reason) {
            assistant_log.info("The model calls a tool", {{"tool", call.name},
                                                          {"session_id", exchange.ask.session_id},
                                                          {"command_sync_id", exchange.ask.command_sync_id}});
            auto calling = parts.tools->call(call.name, call.arguments, exchange.ask.session_id);
            auto keeping = into(text, std::move(calling));
            static_cast<void>(co_await until_ended(exchange, std::move(keeping)));
        }
        if (!text) text = "cancelled";
        std::string answer(i < made ? utf8_head(*text, std::min(kMaxToolTextBytes, bytes_left())) : *text);
        if (text->size() > answer.size()) answer += "\n(cut)";
        messages.push_back({Role::tool, to_utf8(std::move(answer)), {}, call.id});
    }
    const bool has_calls_left = made == calls.size() && end.tool_calls < with.max_tool_calls;
    const bool may_call_more = has_calls_left && bytes_left() > 0;
    co_return may_call_more;
}

// With a cancellation of its own, which cancel() uses; while it runs, what came of the answer is stored now and then.
// false: it was cancelled. What it throws is thrown.
Task<bool> Assistant::Impl::until_ended(Exchange::Impl& exchange, Task<> task) {
    struct Run {
        explicit Run(const Executor& executor) : ended(executor) {}
        asio::cancellation_signal stop;
        Event ended;
        bool has_ended = false;
        std::exception_ptr failure;
    };
    const auto run = std::make_shared<Run>(parts.executor);
    const auto on_end = [run](std::exception_ptr failure) {
        run->has_ended = true;
        run->failure = std::move(failure);
        run->ended.notify();
    };
    asio::co_spawn(parts.executor, std::move(task), asio::bind_cancellation_slot(run->stop.slot(), on_end));
    exchange.running = &run->stop;
    std::size_t saved = 0;
    while (!run->has_ended) {
        auto ending = run->ended.wait();
        static_cast<void>(co_await with_timeout(parts.clock, kSaveEvery, std::move(ending)));
        if (run->has_ended || exchange.text.size() == saved) continue;
        saved = exchange.text.size();
        auto writing = parts.sessions.write_answer(exchange.answer_id, exchange.text, AnswerState::being_written, 0);
        static_cast<void>(co_await std::move(writing));
    }
    exchange.running = nullptr;
    if (exchange.cancel_reason) co_return false;
    if (run->failure) std::rethrow_exception(run->failure);
    co_return true;
}

void Assistant::Impl::count(const Exchange::Impl& exchange, const ExchangeEnd& end) {
    figures.prompt_tokens += static_cast<std::uint64_t>(end.prompt_tokens);
    figures.completion_tokens += static_cast<std::uint64_t>(end.completion_tokens);
    figures.tool_calls += static_cast<std::uint64_t>(end.tool_calls);
    if (end.first_token) figures.last_first_token = end.first_token;
    figures.last_time = end.time;
    if (end.completion_tokens > 0) figures.last_tokens_per_second = end.tokens_per_second();
    const auto first = milliseconds(end.first_token.value_or(Duration{}));
    const std::string question = exchange.settings->log_texts ? exchange.ask.text : "";
    if (!end.error) {
        ++figures.answered;
        assistant_log.info(end.is_cut_short
                               ? "A question was answered, but the answer is cut off at its limit of tokens"
                               : "A question was answered",
                           {{"session_id", exchange.ask.session_id},
                            {"command_sync_id", exchange.ask.command_sync_id},
                            {"model", exchange.settings->model},
                            {"prompt_tokens", end.prompt_tokens},
                            {"completion_tokens", end.completion_tokens},
                            {"first_token_ms", first},
                            {"time_ms", milliseconds(end.time)},
                            {"tokens_per_second", std::round(end.tokens_per_second() * 10) / 10},
                            {"tool_calls", end.tool_calls},
                            {"question", question}});
        return;
    }
    ++figures.failed[name_of(*end.error)];
    const std::string reason = loggable(*end.error, *exchange.settings);
    if (end.error->code != errc::cancelled) figures.last_error = reason;
    assistant_log.warn("A question has no whole answer", {{"session_id", exchange.ask.session_id},
                                                          {"command_sync_id", exchange.ask.command_sync_id},
                                                          {"error", name_of(*end.error)},
                                                          {"reason", reason},
                                                          {"bytes", end.answer.size()},
                                                          {"time_ms", milliseconds(end.time)},
                                                          {"question", question}});
}

}  // namespace jiro::assistant
