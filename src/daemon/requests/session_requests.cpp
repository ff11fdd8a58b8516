// SPDX-License-Identifier: MIT
// The requests for conversations, from the session store: list, read in one answer or as a stream, rename, remove.
// What the store says of its troubles is for the log, not for the hub.

#include <deque>

#include "daemon/log.hpp"
#include "daemon/requests/answers.hpp"
#include "daemon/requests/hub_uploads.hpp"
#include "daemon/requests/targets.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kMostSessions = 1000;  // more do not fit into one answer
constexpr std::size_t kLongestName = 8 * 1024;
constexpr std::size_t kAroundMessage = 512;  // bytes of a ChatMessage without its content

// A failure of the storage: the words for the hub. The store's own are logged here.
Error hidden(const Error& error, std::string_view what) {
    hub_log.error("The session store failed", {{"reason", error.message}});
    return Error(error.code, std::string(what));
}

std::string_view type_of(MessageKind kind) {
    static constexpr std::string_view kNames[] = {"Text", "Graph", "Image"};
    return kNames[static_cast<std::size_t>(kind)];
}

// One name leaves room for others: it may be several times as long as JSON.
std::string name_within(std::string_view name, std::size_t room) {
    return text_within(name, std::min(kLongestName, room / 4));
}

json message_json(const SessionMessage& message, std::size_t room) {
    const std::size_t content = room > kAroundMessage ? room - kAroundMessage : 0;
    return {{"MessageId", to_utf8(message.id)},
            {"IsUser", message.is_user},
            {"Type", type_of(message.kind)},
            {"Content", text_within(message.content, content)},
            {"CreatedAt", date_text(message.created_at)}};
}

Task<Result<json>> answer_sessions(SessionStore& sessions, Request request) {
    const std::string instance = request.members.text("InstanceId");
    const auto list = co_await sessions.list(kMostSessions);
    if (!list) co_return hidden(list.error(), "Failed to read sessions");
    std::vector<json> items;
    for (const auto& session : list->sessions) {
        json item;
        item["SessionId"] = to_utf8(session.id);
        item["SessionName"] = name_within(session.name, request.room);
        item["CreatedAt"] = date_text(session.created_at);
        items.push_back(std::move(item));
    }
    json answer;
    answer["InstanceId"] = instance;
    answer["TotalSessions"] = list->total;
    answer["CurrentSessionId"] = nullptr;
    answer["RequestId"] = request.id;
    add_items(answer, "Sessions", std::move(items), "sessions", request.room);
    co_return answer;
}

json refuse_sessions(const Request& request, const std::string& why) {
    return {{"InstanceId", ""},          {"TotalSessions", 0},      {"CurrentSessionId", nullptr},
            {"Sessions", json::array()}, {"RequestId", request.id}, {"Note", why}};
}

// As the contract has it for a session that does not exist, too: no error, but one of that name.
json refuse_session(Clock& clock, const Request& request, const std::string& why) {
    const std::string now = date_text(clock.wall_now());
    return {{"InstanceId", ""},          {"SessionId", ""},         {"SessionName", "Error"},
            {"CreatedAt", now},          {"LastUpdatedAt", now},    {"TotalMessages", 0},
            {"Messages", json::array()}, {"RequestId", request.id}, {"Note", why}};
}

// The newest messages that fit, in the order in which they were said.
void add_messages(json& answer, const std::vector<SessionMessage>& newest_first, std::uint64_t total,
                  std::size_t room) {
    constexpr std::size_t kWorthShortening = 2 * kAroundMessage;
    std::size_t left = room - std::min(room, json_bytes(answer) + kNoteBytes + 32);
    std::deque<json> kept;
    bool is_cut = false;
    for (const auto& message : newest_first) {
        if (left < kWorthShortening) break;
        json item = message_json(message, left);
        const auto bytes = json_bytes(item) + 1;
        if (bytes > left) break;
        left -= bytes;
        is_cut = item["Content"].get_ref<const std::string&>() != to_utf8(message.content);
        kept.push_front(std::move(item));
        if (is_cut) break;
    }
    auto& list = answer["Messages"] = json::array();
    for (auto& item : kept) list.push_back(std::move(item));
    if (kept.size() == total && !is_cut) return;
    answer["Note"] = "the newest " + std::to_string(kept.size()) + " of " + std::to_string(total) +
                     " messages: more does not fit into one message (WebSocket.MaxSendBytes); the stream has all";
}

Task<Result<json>> answer_session(Clock& clock, SessionStore& sessions, Request request) {
    const std::string instance = request.members.text("InstanceId");
    const std::string id = request.members.text("SessionId");
    static_cast<void>(request.members.flag("IncludeMessages"));  // the contract's client has them in any case
    const auto session = co_await sessions.find(id);
    if (!session) co_return hidden(session.error(), "Failed to read the session");
    if (!*session) {
        json answer = refuse_session(clock, request, "Session with ID " + id + " does not exist");
        answer["InstanceId"] = instance;
        answer["SessionId"] = id;
        co_return answer;
    }
    MessagePage page;
    page.order = MessageOrder::newest_first;
    page.limit = kMostSessions;
    page.max_bytes = request.room;
    const auto messages = co_await sessions.messages(id, page);
    if (!messages) co_return hidden(messages.error(), "Failed to read the session");
    const SessionSummary& summary = **session;
    json answer;
    answer["InstanceId"] = instance;
    answer["SessionId"] = to_utf8(summary.id);
    answer["SessionName"] = name_within(summary.name, request.room);
    answer["CreatedAt"] = date_text(summary.created_at);
    answer["LastUpdatedAt"] = date_text(summary.last_used_at);
    answer["TotalMessages"] = summary.messages;
    answer["RequestId"] = request.id;
    add_messages(answer, *messages, summary.messages, request.room);
    co_return answer;
}

// The source of one stream: all messages of a session, page by page.
class MessageStream : public std::enable_shared_from_this<MessageStream> {
  public:
    using Item = std::optional<json>;

    MessageStream(SessionStore& sessions, std::string id, const HubUploads& uploads)
        : sessions_(sessions), id_(std::move(id)), uploads_(uploads) {}

    Task<Result<Item>> next() {
        const auto self = shared_from_this();
        if (waiting_.empty()) {
            auto messages = co_await sessions_.messages(id_, page_);
            if (!messages) co_return hidden(messages.error(), "Failed to read the session");
            if (messages->empty()) co_return Item();
            page_.after = messages->back().sequence;
            waiting_.assign(std::make_move_iterator(messages->begin()), std::make_move_iterator(messages->end()));
        }
        Item item = message_json(waiting_.front(), uploads_.max_item_bytes());
        waiting_.pop_front();
        co_return std::move(item);
    }

  private:
    SessionStore& sessions_;
    std::string id_;
    const HubUploads& uploads_;
    MessagePage page_;
    std::deque<SessionMessage> waiting_;
};

json start_messages(SessionStore& sessions, HubUploads& uploads, const Request& request) {
    static_cast<void>(request.members.text("InstanceId"));
    static_cast<void>(request.members.flag("IncludeMessages"));
    const auto stream = std::make_shared<MessageStream>(sessions, request.members.text("SessionId"), uploads);
    const auto started = uploads.start(config::RequestKind::sessions, "ReceiveSessionMessagesStream", request.id,
                                       [stream] { return stream->next(); });
    if (!started) {
        return action_failed(request.id, "Failed to start the session messages stream", started.error().message);
    }
    return action_succeeded(request.id, "Session messages stream initiated successfully");
}

json not_found(const Request& request, const std::string& id) {
    return action_failed(request.id, "Session not found", "Session with ID " + id + " does not exist");
}

Task<Result<json>> remove_session(SessionStore& sessions, Request request) {
    const std::string id = request.members.text("SessionId");
    static_cast<void>(request.members.text("Reason", kLongestName));
    const auto removed = co_await sessions.remove(id);
    if (!removed) co_return hidden(removed.error(), "Failed to remove session");
    if (!*removed) co_return not_found(request, id);
    co_return action_succeeded(request.id, "Session " + id + " removed successfully");
}

Task<Result<json>> update_session(SessionStore& sessions, Request request) {
    const std::string id = request.members.text("SessionId");
    SessionChange change;
    change.name = request.members.optional_text("Name", kLongestName);
    change.description = request.members.optional_text("Description", kLongestName);
    const auto updated = co_await sessions.update(id, std::move(change));
    if (!updated) co_return hidden(updated.error(), "Failed to update session");
    if (!*updated) co_return not_found(request, id);
    co_return action_succeeded(request.id, "Session " + id + " updated successfully");
}

}  // namespace

RequestTargets sessions_targets(Clock& clock, CurrentSessions sessions, HubUploads& uploads) {
    constexpr auto kind = config::RequestKind::sessions;
    const auto list = [sessions](Request request) { return answer_sessions(sessions(), std::move(request)); };
    const auto single = [&clock, sessions](Request request) {
        return answer_session(clock, sessions(), std::move(request));
    };
    const auto refuse_single = [&clock](const Request& request, const std::string& why) {
        return refuse_session(clock, request, why);
    };
    const auto messages = [sessions, &uploads](Request request) -> Task<Result<json>> {
        return answer_now(start_messages(sessions(), uploads, request));
    };
    const auto remove = [sessions](Request request) { return remove_session(sessions(), std::move(request)); };
    const auto update = [sessions](Request request) { return update_session(sessions(), std::move(request)); };
    return {{"SessionsRequested", kind, list, refuse_sessions},
            {"SingleSessionRequested", kind, single, refuse_single},
            {"SessionMessagesStreamRequested", kind, messages, refuse_action},
            {"RemoveSession", kind, remove, refuse_action},
            {"UpdateSession", kind, update, refuse_action}};
}

}  // namespace jiro::daemon
