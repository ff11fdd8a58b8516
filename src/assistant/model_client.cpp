// SPDX-License-Identifier: MIT
#include "assistant/model_client.hpp"

#include <algorithm>
#include <utility>

#include "assistant/event_stream.hpp"
#include "assistant/log.hpp"
#include "jiro/assistant/errors.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/proxy.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/http/date.hpp"

namespace jiro::assistant {

namespace {

constexpr std::size_t kMaxBodyBytes = 8 * 1024 * 1024;
constexpr std::size_t kMaxStreamBytes = 64 * 1024 * 1024;  // each word of an answer comes with 200 bytes around it
constexpr std::size_t kMaxEventBytes = 1024 * 1024;
constexpr std::size_t kMaxErrorBytes = 64 * 1024;
constexpr Duration kRefusalTime = std::chrono::seconds(2);
constexpr Duration kLastWordsTime = std::chrono::seconds(3);
constexpr std::size_t kMaxErrorText = 2 * kMaxPeerText;  // ours, and what the endpoint says

std::size_t size_of(const Completion& completion) {
    std::size_t size = completion.text.size() + completion.refusal.size();
    for (const auto& call : completion.tool_calls) size += call.bytes();
    return size;
}

http::Request request_to(const Url& url, const Secret& key, std::string body) {
    http::Request request;
    request.url = url;
    request.headers = {{"User-Agent", "jiro-client"},
                       {"Content-Type", "application/json"},
                       {"Accept", "text/event-stream, application/json"}};
    if (!key.empty()) request.headers.emplace_back("Authorization", "Bearer " + key.reveal());
    request.body = std::move(body);
    return request;
}

bool is_event_stream(const http::Response& head) {
    const std::string* type = http::find_header(head.headers, "Content-Type");
    return type != nullptr && lower_case(*type).starts_with("text/event-stream");
}

// Endpoints repeat the key that they were sent. It is taken out before the text is cut: half of one is not found.
Error shown(const Error& error, const Secret& key) {
    return {error.code, excerpt(redacted(error.message, {key}), kMaxErrorText), error.where};
}

// What came of its body: it says little beside status and headers, and not each one ends.
Task<> read_refusal(http::Connection& connection, std::string& body) {
    while (body.size() < kMaxErrorBytes) {
        const auto piece = co_await connection.read_some();
        if (!piece || piece->empty()) co_return;
        body += *piece;
    }
}

MaxTokensName other(MaxTokensName name) {
    return name == MaxTokensName::max_tokens ? MaxTokensName::max_completion_tokens : MaxTokensName::max_tokens;
}

// It is not the name, or not the name alone.
Error both_of(Error first, const Error& second) {
    if (second.message != first.message) first.message += "; under the other name: " + second.message;
    return first;
}

Error cut(const std::string& why) { return Error(errc::connection_lost, "the answer was cut off: " + why); }

}  // namespace

// One question on its way.
struct ModelClient::Asking {
    Question question;
    SettingsPtr settings;
    TimePoint deadline;
    Answer& answer;
    MaxTokensName max_tokens_name;  // that it is sent with: other questions may learn another meanwhile
    Secret key{};
    std::optional<Error> refusal{};  // of the first name, when it was sent with the other one
    bool has_waited = false;         // as a 429 asked
    bool is_answering = false;
    std::optional<TimePoint> ends_at{};  // when it is whole
};

Task<Result<>> ModelClient::complete(Question question, SettingsPtr settings, TimePoint deadline, Answer& to) {
    Asking asking{std::move(question), std::move(settings), deadline, to, max_tokens_name_};
    auto trying = try_until_answered(asking);
    const Duration left = deadline - clock_.now();
    auto ended = co_await with_timeout(clock_, left, std::move(trying));
    if (ended && !*ended) co_return shown(ended->error(), asking.key);
    if (ended) co_return Result<>();
    co_return Error(errc::timeout, "the model did not finish within " + milliseconds_text(asking.settings->timeout) +
                                       " (Chat.TimeoutMs)");
}

Task<Result<>> ModelClient::try_until_answered(Asking& asking) {
    const Settings& settings = *asking.settings;
    const Url url = settings.endpoint.with_segment("chat").with_segment("completions");
    for (;;) {
        auto connection = co_await connect(asking);
        if (!connection) co_return connection.error();
        auto request = request_to(url, asking.key, request_body(asking.question, settings, asking.max_tokens_name));
        auto head = co_await connection->ask(std::move(request));
        if (!head) {
            co_return Error(errc::connection_lost,
                            "the request to the model's endpoint " + url.redacted() + ' ' + head.error().message);
        }
        if (head->status == 200) {
            if (asking.refusal) max_tokens_name_ = asking.max_tokens_name;
            auto reading = read_answer(asking, *connection, std::move(*head));
            co_return co_await std::move(reading);
        }
        auto reading = read_refusal(*connection, head->body);
        const Duration limit = std::min(kRefusalTime, (asking.deadline - clock_.now()) / 2);
        static_cast<void>(co_await with_timeout(clock_, limit, std::move(reading)));
        if (wants_other_max_tokens(*head)) {
            if (asking.refusal) co_return both_of(std::move(*asking.refusal), status_error(*head, settings));
            asking.refusal = status_error(*head, settings);
            asking.max_tokens_name = other(asking.max_tokens_name);
            continue;
        }
        const auto wait = wait_asked_by(*head, asking);
        if (!wait) co_return status_error(*head, settings);
        asking.has_waited = true;
        assistant_log.info(
            "The model's endpoint asks to wait",
            {{"status", head->status}, {"wait", std::chrono::duration_cast<std::chrono::milliseconds>(*wait)}});
        co_await clock_.sleep_for(*wait);
    }
}

// Once, and when the wait ends before the time limit.
std::optional<Duration> ModelClient::wait_asked_by(const http::Response& response, const Asking& asking) const {
    if ((response.status != 429 && response.status != 503) || asking.has_waited) return std::nullopt;
    const std::string* value = http::find_header(response.headers, "Retry-After");
    const auto wait = value == nullptr ? std::nullopt : http::parse_retry_after(*value, clock_.wall_now());
    if (!wait || clock_.now() + wait->get() >= asking.deadline) return std::nullopt;
    return wait->get();
}

Result<http::Endpoint> ModelClient::endpoint_for(const Settings& settings) const {
    auto proxy = proxy_for(settings.proxy, settings.endpoint, environment_);
    if (!proxy) return Error(errc::bad_proxy, proxy.error().message);
    const auto limit = settings.connect_timeout;
    return http::Endpoint{settings.endpoint, settings.tls, std::move(*proxy), {limit, limit, limit, limit}};
}

Task<Result<http::Connection>> ModelClient::connect(Asking& asking) {
    Result<jiro::Credentials> credentials = jiro::Credentials{};
    if (credentials_) credentials = credentials_();
    if (!credentials) co_return Error(errc::credentials, "the key cannot be had: " + credentials.error().message);
    asking.key = credentials->api_key;
    auto endpoint = endpoint_for(*asking.settings);
    if (!endpoint) co_return endpoint.error();
    auto connection = co_await http::Connection::open(clock_, std::move(*endpoint));
    if (!connection) {
        co_return Error(errc::unreachable, "the model's endpoint cannot be reached: " + connection.error().message);
    }
    co_return connection;
}

Task<Result<>> ModelClient::read_answer(Asking& asking, http::Connection& connection, http::Response head) {
    Completion& completion = asking.answer.completion;
    if (is_event_stream(head)) {
        const auto read = co_await read_stream(asking, connection);
        if (!read) co_return read.error();
    } else {
        const auto body = co_await connection.read_all(kMaxBodyBytes);
        if (!body) co_return cut(body.error().message);
        auto parsed = parse_completion(*body);
        if (!parsed) co_return parsed.error();
        completion = std::move(*parsed);
        asking.answer.first_piece_at = clock_.now();
        if (asking.answer.on_progress) asking.answer.on_progress();
    }
    if (is_cut_short(completion)) completion.tool_calls.clear();  // the last one may be half of what it should be
    if (auto fault = fault_of(completion, *asking.settings)) co_return std::move(*fault);
    co_return Result<>();
}

// A finish_reason says that the answer is whole: only its figures and [DONE] may follow, and however the connection
// ends then, it is the end.
Task<Result<>> ModelClient::read_stream(Asking& asking, http::Connection& connection) {
    Answer& answer = asking.answer;
    EventStream events(kMaxEventBytes);
    std::size_t total = 0;
    bool is_said_with_each = false;
    for (bool is_end = false; !is_end;) {
        const auto bytes = co_await read_piece(asking, connection);
        if (!bytes && asking.ends_at) co_return Result<>();
        if (!bytes) co_return bytes.error();
        is_end = bytes->empty();
        total += bytes->size();
        events.feed(*bytes);
        if (is_end) events.end();
        const auto had = size_of(answer.completion);
        for (auto event = events.next(); event; event = events.next()) {
            const auto piece = add_piece(*event, answer.completion);
            if (!piece) co_return piece.error();
            if (piece->is_end) co_return Result<>();
        }
        // Some gateways say it with each piece: then it says nothing.
        if (asking.ends_at && size_of(answer.completion) > had) is_said_with_each = true;
        if (is_said_with_each) {
            asking.ends_at.reset();
        } else if (!answer.completion.finish_reason.empty() && !asking.ends_at) {
            asking.ends_at = clock_.now() + std::min(kLastWordsTime, (asking.deadline - clock_.now()) / 2);
        }
        if (events.overflowed() || total > kMaxStreamBytes) {
            if (asking.ends_at) co_return Result<>();
            co_return Error(errc::too_large, "the endpoint sends more than an answer can hold");
        }
        const bool has_something = !answer.completion.text.empty() || !answer.completion.tool_calls.empty();
        if (has_something && !answer.first_piece_at) answer.first_piece_at = clock_.now();
        if (answer.on_progress) answer.on_progress();
    }
    // Some end without [DONE].
    if (answer.completion.finish_reason.empty()) co_return cut("the endpoint hung up in the middle");
    co_return Result<>();
}

// Until the first piece the model thinks, which may take as long as the whole may. What follows the last one is waited
// for a moment, whatever comes.
Task<Result<std::string_view>> ModelClient::read_piece(Asking& asking, http::Connection& connection) {
    const auto idle_limit = asking.settings->idle_timeout;
    const Duration limit = asking.ends_at ? *asking.ends_at - clock_.now() : idle_limit;
    std::optional<Result<std::string_view>> bytes;
    auto reading = connection.read_some();
    if (asking.is_answering) {
        bytes = co_await with_timeout(clock_, limit, std::move(reading));
    } else {
        bytes = co_await std::move(reading);
    }
    if (!bytes) {
        co_return Error(errc::idle_timeout, "the answer was cut off: nothing came from the model for " +
                                                milliseconds_text(idle_limit) + " (Chat.IdleTimeoutMs)");
    }
    if (!*bytes) co_return cut(bytes->error().message);
    asking.is_answering = true;
    co_return **bytes;
}

}  // namespace jiro::assistant
