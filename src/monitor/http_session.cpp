// SPDX-License-Identifier: MIT
#include "monitor/http_session.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>

#include "jiro/base/at_end.hpp"
#include "jiro/base/with_timeout.hpp"
#include "monitor/descent.hpp"
#include "monitor/http_rules.hpp"
#include "monitor/log.hpp"

namespace jiro::monitor {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kJson = "application/json";
constexpr const char* kPlainPolicy = "default-src 'none'; frame-ancestors 'none'";

Response make_response(http::status status, const char* type, std::string body) {
    Response response(status, 11);
    response.set(http::field::content_type, type);
    response.body() = std::move(body);
    return response;
}

Response text_response(http::status status, std::string text) {
    return make_response(status, kText, std::move(text) + "\n");
}

std::string lines(std::string first, std::string_view prefix, const std::vector<std::string>& reasons) {
    for (const auto& reason : reasons) first += "\n" + std::string(prefix) + reason;
    return first;
}

// Of a request that could not be read.
Response response_to(const error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return text_response(http::status::request_header_fields_too_large, "the request's header is too large");
    }
    if (error == http::error::body_limit) {
        return text_response(http::status::payload_too_large, "the request's body is too large");
    }
    if (error == http::error::bad_version) {
        return text_response(http::status::http_version_not_supported, "this server speaks HTTP/1.1");
    }
    return text_response(http::status::bad_request, "not an HTTP request: " + error.message());
}

bool is_own_path(std::string_view path) {
    return path == "/status" || path == "/metrics" || path == "/healthz" || path == "/readyz" || path == "/";
}

Response method_not_allowed(std::string_view allowed) {
    auto response = text_response(http::status::method_not_allowed, "allowed here: " + std::string(allowed));
    response.set(http::field::allow, allowed);
    return response;
}

// The other methods that the routes know for `path`; empty: no such path.
std::string methods_of(const Routes& routes, std::string_view path) {
    std::string methods;
    for (const auto& [key, route] : routes) {
        const auto space = key.find(' ');
        if (space == std::string::npos || std::string_view(key).substr(space + 1) != path) continue;
        methods += (methods.empty() ? "" : ", ") + key.substr(0, space);
    }
    return methods;
}

class Session {
  public:
    Session(ServerContext& context, Socket& socket)
        : context_(context),
          socket_(socket),
          peer_(peer_of(socket)),
          descent_(peer_ && peer_->user == geteuid() ? descent_of(peer_->process) : Descent::others),
          buffer_(limits().max_header_bytes + limits().max_body_bytes) {}

    Task<> run() {
        for (;;) {
            if (requests_ > 0 && buffer_.size() == 0) {
                context_.idle.push_back(&socket_);  // while it is idle it gives way to a new one
                const AtEnd at_end([this] { context_.idle.remove(&socket_); });
                const bool is_back = co_await with_timeout(clock(), limits().idle_limit, readable());
                if (!is_back) co_return;
            }
            http::request_parser<http::string_body> parser;
            parser.header_limit(limits().max_header_bytes);
            parser.body_limit(limits().max_body_bytes);
            error_code error;
            const bool in_time = co_await with_timeout(clock(), limits().request_limit, read(parser, error));
            if (!in_time) {
                Response late = text_response(http::status::request_timeout, "the request took too long");
                co_await finish(std::move(late));
                co_return;
            }
            if (error.category() == http::make_error_code(http::error::bad_method).category() &&
                error != http::error::end_of_stream && error != http::error::partial_message) {
                monitor_log.debug("Refused a request to the status endpoint", {{"reason", error.message()}});
                Response refusal = response_to(error);
                co_await finish(std::move(refusal));
                co_return;
            }
            if (error) co_return;  // the peer has gone

            ++requests_;
            const Request request = parser.release();
            Response response = co_await respond(request);
            const bool keep_alive = request.keep_alive() && response.result() != http::status::misdirected_request;
            response.keep_alive(keep_alive);
            const bool written = co_await write(response, request.method() == http::verb::head);
            if (!written) co_return;
            if (!keep_alive) break;
        }
        co_await linger();
    }

  private:
    [[nodiscard]] Clock& clock() { return context_.clock; }
    [[nodiscard]] const ServerLimits& limits() const { return context_.limits; }

    Task<> readable() { co_await socket_.async_wait(asio::socket_base::wait_read, kNoThrow); }

    Task<> read(http::request_parser<http::string_body>& parser, error_code& error) {
        const auto [failure, bytes] = co_await http::async_read(socket_, buffer_, parser, kNoThrow);
        error = failure;
    }

    Task<> send(Response& response, error_code& error) {
        const auto [failure, bytes] = co_await http::async_write(socket_, response, kNoThrow);
        error = failure;
    }

    // False: the peer is too slow, or gone.
    Task<bool> write(Response& response, bool head_only) {
        response.set(http::field::cache_control, "no-store");
        response.set("X-Content-Type-Options", "nosniff");
        response.set("Referrer-Policy", "no-referrer");
        if (response.count("Content-Security-Policy") == 0) response.set("Content-Security-Policy", kPlainPolicy);
        response.prepare_payload();
        if (head_only) response.body().clear();  // Content-Length stays
        error_code error;
        const bool in_time = co_await with_timeout(clock(), limits().write_limit, send(response, error));
        co_return in_time && !error;
    }

    Task<> finish(Response response) {
        response.keep_alive(false);
        const bool written = co_await write(response, false);
        if (written) co_await linger();
    }

    // Closing while the peer still sends would reset the connection and take the answer with it.
    Task<> linger() {
        error_code ignored;
        socket_.shutdown(asio::socket_base::shutdown_send, ignored);
        co_await with_timeout(clock(), std::chrono::seconds(1), discard());
    }

    Task<> discard() {
        std::array<char, 4096> scrap;
        for (std::size_t total = 0; total < 1024 * 1024;) {
            const auto [error, bytes] = co_await socket_.async_read_some(asio::buffer(scrap), kNoThrow);
            if (error) break;
            total += bytes;
        }
    }

    Task<Response> respond(const Request& request) {
        const auto hosts = request.count(http::field::host);
        if (hosts > 1 || (hosts == 0 && request.version() >= 11)) {
            co_return text_response(http::status::bad_request, "exactly one Host header is needed");
        }
        const Target target = split_target(request.target());
        if (target.path.empty()) co_return text_response(http::status::bad_request, "the target must be a path");
        const std::string_view host = target.host.empty() ? std::string_view(request[http::field::host]) : target.host;
        const bool has_host = hosts > 0 || !target.host.empty();
        if (has_host && !is_allowed_host(host, context_.local, context_.names)) {
            co_return text_response(http::status::misdirected_request,
                                    "this Host is not served: use an IP address, localhost, the machine's name, or "
                                    "one of Monitoring.Hosts");
        }

        if (is_own_path(target.path)) {
            if (request.method() == http::verb::get || request.method() == http::verb::head)
                co_return show(target.path);
            co_return method_not_allowed("GET, HEAD");
        }
        const auto route = context_.routes.find(std::string(request.method_string()) + " " + target.path);
        if (route == context_.routes.end()) {
            const auto methods = methods_of(context_.routes, target.path);
            if (!methods.empty()) co_return method_not_allowed(methods);
            co_return text_response(http::status::not_found,
                                    "not found; there are /, /status, /metrics, /healthz and /readyz");
        }
        if (!is_from_no_foreign_page(host, request[http::field::origin], context_.names)) {
            co_return text_response(http::status::forbidden,
                                    "not allowed for the page of another site; the Host is localhost");
        }
        RouteRequest action;
        action.query = target.query;
        action.body = request.body();
        co_return co_await act(*route, std::move(action));
    }

    Response show(std::string_view path) {
        if (path == "/") {
            static const std::string policy = page_policy(page_html());  // not at the start: it wakes OpenSSL
            std::string html(page_html());
            // The page then shows what only an operator may see and do.
            static constexpr std::string_view kRoot = "<html";
            if (why_no_operator().empty()) html.insert(html.find(kRoot) + kRoot.size(), " data-operator");
            auto response = make_response(http::status::ok, "text/html; charset=utf-8", std::move(html));
            response.set("Content-Security-Policy", policy);
            return response;
        }
        try {
            const Status status = context_.source();
            if (path == "/status") return make_response(http::status::ok, kJson, status_json(status));
            if (path == "/metrics") {
                return make_response(http::status::ok, "text/plain; version=0.0.4; charset=utf-8",
                                     prometheus_text(status));
            }
            const auto health = readiness(status);
            if (path == "/healthz")
                return text_response(http::status::ok, lines("alive", "degraded: ", health.degraded));
            if (health.ready()) return text_response(http::status::ok, lines("ready", "degraded: ", health.degraded));
            return text_response(http::status::service_unavailable, lines("not ready", "", health.not_ready));
        } catch (const std::exception& exception) {
            monitor_log.error("The status could not be made", {{"reason", exception.what()}});
            return text_response(http::status::internal_server_error, "the status could not be made; see the log");
        }
    }

    // Why whoever is connected may not use `route`; empty: it may.
    std::string_view why_no_operator(std::string_view route = "") {
        if (!peer_) return "allowed on a Unix socket only, such as the control socket";
        if (peer_->user != geteuid()) return peer_->user == 0 ? "" : "allowed for root and the daemon's own user only";
        switch (descent_) {
            case Descent::ours:
                return "not allowed for programs that the daemon runs";
            case Descent::hidden:
                if (route == kReloadRoute) return "";
                return "not allowed for a process that hides from the daemon; ask as root";
            case Descent::others:
                break;
        }
        return "";
    }

    Task<Response> act(const Routes::value_type& route, RouteRequest request) {
        if (const auto why = why_no_operator(route.first); !why.empty()) {
            co_return text_response(http::status::forbidden, std::string(why));
        }
        RouteReply reply;
        try {
            reply = co_await route.second(std::move(request));
        } catch (const boost::system::system_error& error) {
            if (error.code() == asio::error::operation_aborted) throw;
            reply = failed_route(error);
        } catch (const std::exception& error) {
            reply = failed_route(error);
        }
        co_return make_response(http::int_to_status(static_cast<unsigned>(reply.status)), kJson, std::move(reply.json));
    }

    static RouteReply failed_route(const std::exception& error) {
        monitor_log.error("An action of the status endpoint failed", {{"reason", error.what()}});
        RouteReply reply;
        reply.status = 500;
        reply.json = R"({"error":"the action failed; see the log"})";
        return reply;
    }

    ServerContext& context_;
    Socket& socket_;
    const std::optional<Peer> peer_;
    const Descent descent_;             // as it connected: later its number may be another process's
    boost::beast::flat_buffer buffer_;  // the parser's limits do not count a chunk's extension and a trailer
    std::size_t requests_ = 0;
};

}  // namespace

Task<> serve_connection(ServerContext& context, Socket socket) {
    Session session(context, socket);
    co_await session.run();
}

bool end_longest_idle(ServerContext& context) {
    if (context.idle.empty()) return false;
    error_code ignored;
    context.idle.front()->shutdown(asio::socket_base::shutdown_both, ignored);  // it reads the end, as if the peer left
    context.idle.pop_front();
    return true;
}

void refuse_connection(Socket socket) {
    static constexpr std::string_view kAnswer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nRetry-After: 5\r\n"
        "Connection: close\r\n\r\ntoo many connections\n";
    error_code ignored;
    std::array<char, 4096> scrap;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kAnswer), ignored);
    socket.shutdown(asio::socket_base::shutdown_send, ignored);
    socket.read_some(asio::buffer(scrap), ignored);  // what is unread at close resets the connection
}

}  // namespace jiro::monitor
