// SPDX-License-Identifier: MIT
#include "dev_hub/hub_server.hpp"

#include <algorithm>

#include "dev_hub/log.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/text.hpp"

namespace jiro::dev_hub {

using What = Misbehaviour::What;

HubServer::HubServer(Executor executor, Clock& clock, RandomSource& random, const Options& options, Events events)
    : executor_(std::move(executor)),
      clock_(clock),
      random_(random),
      options_(options),
      events_(std::move(events)),
      bearer_(options.token.empty() ? Secret() : Secret("Bearer " + options.token.reveal())),
      negotiations_(random, options.negotiated_lifetime) {}

Result<std::uint16_t> HubServer::start(const Endpoint& address) {
    auto listener = std::make_unique<WebListener>(executor_, clock_, *this);
    auto port = listener->start(address, options_.tls);
    if (port) listener_ = std::move(listener);
    return port;
}

Task<> HubServer::stop(Duration limit) {
    if (!listener_) co_return;
    listener_->stop_accepting();
    for (auto* session : ready_) session->close({}, Reconnect::allowed);
    co_await listener_->finish(limit);
    listener_.reset();
}

Task<HttpAnswer> HubServer::on_request(HttpRequest request) { co_return answer_to(request); }

HttpAnswer HubServer::answer_to(const HttpRequest& request) {
    const bool is_negotiate = request.path == options_.hub_path + "/negotiate";
    if (!is_negotiate && request.path != options_.hub_path) return {.status = 404};
    if (!authorized(request)) return refused(401, "");
    if (is_negotiate) return negotiate(request);
    if (request.is_upgrade) return upgrade(request);
    if (query_parameter(request.query, "id")) return {.status = 404, .body = "No Connection with that ID"};
    return {.status = 400, .body = "Connection ID required"};
}

bool HubServer::authorized(const HttpRequest& request) const {
    // The query parameter is what browsers use; ASP.NET Core's samples accept it too.
    if (!bearer_.empty()) {
        const auto token = query_parameter(request.query, "access_token");
        if (!equal_in_constant_time(request.authorization, bearer_.reveal()) &&
            !(token && equal_in_constant_time(*token, options_.token.reveal()))) {
            return false;
        }
    }
    if (options_.api_key.empty()) return true;
    const auto key = query_parameter(request.query, "api_key");
    return key && equal_in_constant_time(*key, options_.api_key.reveal());
}

HttpAnswer HubServer::refused(unsigned status, std::string body) {
    logger.warn("Refused a request", {{"status", status}});
    events_.on_refused();
    HttpAnswer answer{.status = status, .body = std::move(body)};
    if (status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
    return answer;
}

HttpAnswer HubServer::negotiate(const HttpRequest& request) {
    if (request.method != "POST") return {.status = 405, .headers = {{"Allow", "POST"}}};
    if (refusal_.what != What::none && refuse_.take(random_)) {
        if (refusal_.what == What::html) {
            auto answer = refused(200, "<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>");
            answer.content_type = "text/html; charset=utf-8";
            return answer;
        }
        auto answer = refused(static_cast<unsigned>(refusal_.number), "refused on request");
        if (refusal_.retry_after > 0) answer.headers.emplace_back("Retry-After", std::to_string(refusal_.retry_after));
        return answer;
    }
    HttpAnswer answer{.content_type = "application/json"};
    const auto text = query_parameter(request.query, "negotiateVersion").value_or("0");
    const auto asked = parse_number<int>(text);
    if (!asked || *asked < 0) {
        answer.body = negotiate_error_body("The client requested an invalid protocol version '" + text + "'");
        return answer;
    }
    const int version = std::min(*asked, 1);
    answer.body = negotiate_body(version, negotiations_.create(version, clock_.now()));
    events_.on_negotiated();
    return answer;
}

HttpAnswer HubServer::upgrade(const HttpRequest& request) {
    HttpAnswer answer{.status = 101};
    const auto token = query_parameter(request.query, "id");
    if (!token) {
        answer.connection_id = negotiations_.connection_id();  // the client skipped negotiation
        return answer;
    }
    answer.claimed_token = *token;
    switch (negotiations_.claim(*token, clock_.now(), answer.connection_id)) {
        case Negotiations::Claim::ok:
            return answer;
        case Negotiations::Claim::unknown:
            return refused(404, "No Connection with that ID");
        case Negotiations::Claim::in_use:
            return refused(409, "A connection with that ID is open already");
    }
    return answer;
}

Task<> HubServer::on_web_socket(std::shared_ptr<WebSocket> socket, HttpAnswer accepted) {
    std::function<void(HubSession&)> on_ready = [this](HubSession& session) {
        ready_.push_back(&session);
        events_.on_ready(session);
    };
    HubSession session(executor_, clock_, options_, std::move(socket), accepted.connection_id, std::move(on_ready));

    all_.push_back(&session);
    const AtEnd leave_lists([&] {
        all_.remove(&session);
        negotiations_.release(accepted.claimed_token);
        if (std::erase(ready_, &session) > 0) events_.on_ended(session);
    });
    co_await session.run();
}

bool HubServer::apply(const Misbehaviour& misbehaviour) {
    // Resetting a socket ends nothing before its coroutine runs: the list does not change under the loop.
    switch (misbehaviour.what) {
        case What::drop:
            for (auto* session : all_) session->drop();
            return true;
        case What::stall:
        case What::resume:
            for (auto* session : all_) session->socket().set_stalled(misbehaviour.what == What::stall);
            return true;
        case What::bad_frame: {
            const auto frame = make_bad_frame(misbehaviour.frame);
            const auto kind = !frame || frame->kind == FrameKind::text ? WebSocket::Kind::text
                              : frame->kind == FrameKind::binary       ? WebSocket::Kind::binary
                                                                       : WebSocket::Kind::raw;
            for (auto* session : ready_) {
                if (frame) session->socket().write(frame->bytes, kind);
            }
            return true;
        }
        case What::close: {
            const auto reconnect = misbehaviour.allow_reconnect ? Reconnect::allowed : Reconnect::forbidden;
            for (auto* session : ready_) session->close(misbehaviour.text, reconnect);
            return true;
        }
        case What::ws_close:
            for (auto* session : all_) {
                session->close_socket(static_cast<std::uint16_t>(misbehaviour.number), misbehaviour.text);
            }
            return true;
        case What::refuse:
        case What::html:
            refusal_ = misbehaviour;
            refuse_.set(misbehaviour.next, 1.0);
            return true;
        case What::none:
            refusal_ = {};
            refuse_.clear();
            for (auto* session : all_) session->socket().set_stalled(false);
            return true;
        default:
            return false;
    }
}

}  // namespace jiro::dev_hub
