// SPDX-License-Identifier: MIT
#include "daemon/chat_routes.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "daemon/route_reply.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

namespace {

using nlohmann::json;
using ExchangePtr = std::shared_ptr<assistant::Exchange>;

constexpr std::chrono::milliseconds kLongPoll{250};  // the asker looks for Ctrl-C in between
constexpr std::size_t kMaxTalks = 64;
constexpr std::size_t kMaxListed = 1000;
constexpr std::size_t kMaxShown = 200;

monitor::RouteReply not_configured() {
    return reply_with_error(409, "no assistant is configured: name a model by Chat.Model, see docs/chat.md");
}

json to_json(const SessionSummary& session) {
    return {{"id", session.id},
            {"name", session.name},
            {"description", session.description},
            {"createdAt", in_seconds(session.created_at.time_since_epoch())},
            {"lastUsedAt", in_seconds(session.last_used_at.time_since_epoch())},
            {"messages", session.messages}};
}

json to_json(const SessionMessage& message) {
    return {{"sequence", message.sequence},
            {"id", message.id},
            {"isUser", message.is_user},
            {"content", message.content},
            {"createdAt", in_seconds(message.created_at.time_since_epoch())}};
}

// The terminals' exchanges. One whose terminal has gone is forgotten when it has ended and others come.
class Talks {
  public:
    explicit Talks(AssistantSource source) : source_(std::move(source)) {}

    Task<monitor::RouteReply> begin(monitor::RouteRequest request) {
        auto* const assistant = source_();
        if (assistant == nullptr) co_return not_configured();
        const auto body = json_or_null(request.body, {});
        if (!body.is_object()) co_return reply_with_error(400, "a JSON object with text is wanted");
        if (talks_.size() >= kMaxTalks)
            std::erase_if(talks_, [](const auto& talk) { return talk.second->has_ended(); });
        if (talks_.size() >= kMaxTalks) co_return reply_with_error(503, "too many conversations are under way");
        assistant::Ask ask;
        ask.session_id = text_member(body, "sessionId");
        ask.text = text_member(body, "text");
        const auto exchange = assistant->ask(std::move(ask));
        const auto id = std::to_string(++last_id_);
        talks_.emplace(id, exchange);
        co_return reply_with(200, {{"id", id}, {"sessionId", exchange->session_id()}});
    }

    // What came after byte `from`; waits a moment for something.
    Task<monitor::RouteReply> more(Clock& clock, monitor::RouteRequest request) {
        const auto id = argument(request, "id");
        const auto talk = talks_.find(id);
        if (talk == talks_.end()) co_return reply_with_error(404, "there is no such exchange");
        const ExchangePtr exchange = talk->second;
        const auto from = parse_number<std::size_t>(argument(request, "from")).value_or(0);
        if (!exchange->has_ended() && exchange->text().size() <= from) {
            auto waiting = exchange->until_more();
            static_cast<void>(co_await with_timeout(clock, kLongPoll, std::move(waiting)));
        }
        const std::string_view text = exchange->text();
        const auto rest = utf8_head(text.substr(std::min(from, text.size())), text.size());
        json body{{"text", rest}, {"next", from + rest.size()}, {"ended", exchange->has_ended()}};
        if (exchange->has_ended()) {
            const auto& end = exchange->end();
            body["error"] = nullptr;
            if (end.error) body["error"] = end.error->message;
            if (end.not_stored) body["notStored"] = end.not_stored->message;
            body["note"] = end.note();
            talks_.erase(id);
        }
        co_return reply_with(200, body);
    }

    Task<monitor::RouteReply> cancel(monitor::RouteRequest request) {
        const auto talk = talks_.find(argument(request, "id"));
        if (talk == talks_.end()) co_return reply_with_error(404, "there is no such exchange");
        talk->second->cancel("cancelled at the terminal");
        co_return reply_with(200, json::object());
    }

  private:
    AssistantSource source_;
    std::map<std::string, ExchangePtr> talks_;
    std::uint64_t last_id_ = 0;
};

using SessionsSource = std::function<assistant::Sessions*()>;

Task<monitor::RouteReply> list_sessions(SessionsSource source, monitor::RouteRequest request) {
    auto* const sessions = source();
    if (sessions == nullptr) co_return not_configured();
    const auto after = parse_number<std::int64_t>(argument(request, "after")).value_or(0);
    const auto limit = parse_number<std::size_t>(argument(request, "limit")).value_or(kMaxListed);
    const auto page = co_await sessions->page(after, std::clamp(limit, std::size_t{1}, kMaxListed));
    if (!page) co_return reply_with_error(500, page.error().message);
    json body{{"sessions", json::array()}, {"next", nullptr}};
    for (const auto& session : page->sessions) body["sessions"].push_back(to_json(session));
    if (page->next) body["next"] = *page->next;
    co_return reply_with(200, body);
}

Task<monitor::RouteReply> show_session(SessionsSource source, monitor::RouteRequest request) {
    auto* const sessions = source();
    if (sessions == nullptr) co_return not_configured();
    const auto id = argument(request, "id");
    const auto session = co_await sessions->find(id);
    if (!session) co_return reply_with_error(500, session.error().message);
    if (!*session) co_return reply_with_error(404, "there is no session " + excerpt(id));
    MessagePage page;
    page.after = parse_number<std::int64_t>(argument(request, "after"));
    page.limit = kMaxShown;
    const auto messages = co_await sessions->messages(id, page);
    if (!messages) co_return reply_with_error(500, messages.error().message);
    json body{{"session", to_json(**session)}, {"messages", json::array()}};
    for (const auto& message : *messages) body["messages"].push_back(to_json(message));
    co_return reply_with(200, body);
}

enum class SessionDeed { rename, remove, reset };

Task<monitor::RouteReply> change_session(SessionsSource source, SessionDeed deed, monitor::RouteRequest request) {
    auto* const sessions = source();
    if (sessions == nullptr) co_return not_configured();
    const auto id = argument(request, "id");
    Result<bool> done = false;
    if (deed == SessionDeed::rename) {
        SessionChange change;
        change.name = argument(request, "name");
        if (change.name->empty()) co_return reply_with_error(400, "name is missing");
        done = co_await sessions->update(id, std::move(change));
    } else if (deed == SessionDeed::remove) {
        done = co_await sessions->remove(id);
    } else {
        done = co_await sessions->reset(id);
    }
    if (!done) co_return reply_with_error(500, done.error().message);
    if (!*done) co_return reply_with_error(404, "there is no session " + excerpt(id));
    co_return reply_with(200, json::object());
}

}  // namespace

monitor::Routes session_routes(std::function<assistant::Sessions*()> source) {
    return {
        {"GET /sessions", std::bind_front(list_sessions, source)},
        {"GET /sessions/show", std::bind_front(show_session, source)},
        {"POST /sessions/rename", std::bind_front(change_session, source, SessionDeed::rename)},
        {"POST /sessions/remove", std::bind_front(change_session, source, SessionDeed::remove)},
        {"POST /sessions/reset", std::bind_front(change_session, source, SessionDeed::reset)},
    };
}

monitor::Routes chat_routes(AssistantSource source) {
    static SystemClock clock;
    const auto talks = std::make_shared<Talks>(source);
    auto routes = session_routes([source = std::move(source)]() -> assistant::Sessions* {
        auto* const assistant = source();
        return assistant == nullptr ? nullptr : &assistant->sessions();
    });
    routes["POST /chat"] = std::bind_front(&Talks::begin, talks);
    routes["GET /chat/more"] = std::bind_front(&Talks::more, talks, std::ref(clock));
    routes["POST /chat/cancel"] = std::bind_front(&Talks::cancel, talks);
    return routes;
}

}  // namespace jiro::daemon
