// SPDX-License-Identifier: MIT
#include "daemon/outbox_routes.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "daemon/log.hpp"
#include "daemon/route_reply.hpp"
#include "jiro/base/text.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::daemon {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxPage = 500;

monitor::RouteReply failure(const Error& error) {
    int status = 500;
    if (error.code == delivery::errc::unknown_id) status = 404;
    if (error.code == delivery::errc::wrong_state) status = 409;
    return reply_with_error(status, error.message);
}

monitor::RouteReply bad_request(const std::string& text) { return reply_with_error(400, text); }

json to_json(const delivery::RowSummary& row) {
    json out{{"id", row.id},
             {"state", delivery::to_string(row.state)},
             {"outcome", nullptr},
             {"receivedAt", in_seconds(row.received_at.time_since_epoch())},
             {"finishedAt", nullptr},
             {"dueAt", nullptr},
             {"attempts", row.attempts},
             {"bytes", row.bytes},
             {"lastError", row.last_error}};
    if (row.kind) out["outcome"] = to_string(*row.kind);
    if (row.finished_at) out["finishedAt"] = in_seconds(row.finished_at->time_since_epoch());
    if (row.due_at) out["dueAt"] = in_seconds(row.due_at->time_since_epoch());
    return out;
}

std::optional<delivery::RowState> state_named(std::string_view name) {
    const auto* found = std::ranges::find(delivery::kRowStateNames, name);
    if (found == delivery::kRowStateNames.end()) return std::nullopt;
    return static_cast<delivery::RowState>(found - delivery::kRowStateNames.begin());
}

// False: there is another text than a number.
bool read_number(const monitor::RouteRequest& request, std::string_view name, auto& number) {
    const auto text = argument(request, name);
    const auto read = parse_number<std::remove_cvref_t<decltype(number)>>(text);
    if (read) number = *read;
    return text.empty() || read;
}

Task<monitor::RouteReply> list_route(delivery::Outbox& outbox, std::optional<OutboxUsers> users,
                                     monitor::RouteRequest request) {
    delivery::ListPage page;
    if (const auto name = argument(request, "state"); !name.empty()) {
        page.state = state_named(name);
        if (!page.state) co_return bad_request("state must be received, running, done, delivered or dead");
    }
    if (!read_number(request, "after", page.after)) co_return bad_request("after must be a number");
    if (!read_number(request, "limit", page.limit)) co_return bad_request("limit must be a number");
    page.limit = std::clamp(page.limit, std::size_t{1}, kMaxPage);

    if (users) users->courier.write_down();
    auto rows = co_await outbox.list(page);
    if (!rows) co_return failure(rows.error());
    json listed = json::array();
    for (const auto& row : *rows) listed.push_back(to_json(row));
    json body{{"rows", std::move(listed)}, {"next", nullptr}};
    if (rows->size() == page.limit) body["next"] = rows->back().sequence;
    co_return reply_with(200, body);
}

// As it is, without a tree: it may have megabytes.
void add_message(std::string& object, std::string_view name, const delivery::Bytes& message) {
    object.append(",\"").append(name).append("\":").append(message ? delivery::describe(*message) : "null");
}

Task<monitor::RouteReply> show_route(delivery::Outbox& outbox, std::optional<OutboxUsers> users,
                                     monitor::RouteRequest request) {
    const auto id = argument(request, "id");
    if (id.empty()) co_return bad_request("id is missing");
    if (users) users->courier.write_down();
    auto row = co_await outbox.show(id);
    if (!row) co_return failure(row.error());
    auto reply = reply_with(200, to_json(row->summary));
    reply.json.pop_back();
    add_message(reply.json, "message", row->message);
    add_message(reply.json, "whole", row->whole);
    reply.json += '}';
    co_return reply;
}

Task<monitor::RouteReply> retry_route(delivery::Outbox& outbox, std::optional<OutboxUsers> users,
                                      monitor::RouteRequest request) {
    const auto id = argument(request, "id");
    const bool all_dead = argument(request, "dead") == "all";
    const auto what = argument(request, "whole") == "yes" ? delivery::Resend::whole : delivery::Resend::as_it_is;
    if (id.empty() != all_dead) co_return bad_request("either id or dead=all is needed");
    std::uint64_t count = 1;
    if (all_dead) {
        auto retried = co_await outbox.retry_all_dead();
        if (!retried) co_return failure(retried.error());
        count = *retried;
        outbox_log.info("An operator asked for all dead letters to be sent again", {{"count", count}});
    } else {
        if (users) users->courier.let_go(id);
        auto retried = co_await outbox.retry(id, what);
        if (!retried) co_return failure(retried.error());
        if (users) users->became(id, DeliveryState::waiting);
        outbox_log.info("An operator asked for a result to be sent again", {{"command_sync_id", id}});
    }
    if (users) users->courier.notify();
    co_return reply_with(200, {{"retried", count}});
}

Task<monitor::RouteReply> drop_route(delivery::Outbox& outbox, std::optional<OutboxUsers> users,
                                     monitor::RouteRequest request) {
    const auto id = argument(request, "id");
    if (id.empty()) co_return bad_request("id is missing");
    if (users) users->courier.let_go(id);
    auto dropped = co_await outbox.drop(id);
    if (!dropped) {
        if (users) users->courier.notify();
        co_return failure(dropped.error());
    }
    if (users) users->became(id, DeliveryState::dropped);
    outbox_log.warn("An operator dropped a result that was not delivered", {{"command_sync_id", id}});
    co_return reply_with(200, {{"dropped", 1}});
}

}  // namespace

monitor::Routes outbox_routes(delivery::Outbox& outbox, std::optional<OutboxUsers> users) {
    return {
        {"GET /outbox", std::bind_front(list_route, std::ref(outbox), users)},
        {"GET /outbox/show", std::bind_front(show_route, std::ref(outbox), users)},
        {"POST /outbox/retry", std::bind_front(retry_route, std::ref(outbox), users)},
        {"POST /outbox/drop", std::bind_front(drop_route, std::ref(outbox), users)},
    };
}

}  // namespace jiro::daemon
