// SPDX-License-Identifier: MIT
#include "jiro/monitor/status_client.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "jiro/base/json.hpp"
#include "jiro/base/run_blocking.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/monitor/errors.hpp"
#include "monitor/status_reader.hpp"

namespace jiro::monitor {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using Request = http::request<http::string_body>;

namespace {

constexpr std::size_t kMostUnparsed = 64 * 1024;  // of an answer: a header, a trailer, a chunk's extension

// Wrapped: the endpoint alone would be constructible from anything, an Error included.
struct Peer {
    explicit Peer(const asio::ip::tcp::endpoint& tcp) : endpoint(tcp) {}
    explicit Peer(const asio::local::stream_protocol::endpoint& local) : endpoint(local) {}
    Protocol::endpoint endpoint;
};

Result<Peer> peer_of(const Listen& listen) {
    if (const auto* local = std::get_if<ListenUnix>(&listen)) {
        if (local->path.size() > kMaxUnixPathBytes)
            return Error(errc::path_too_long, "the path of a Unix socket is too long");
        return Peer(asio::local::stream_protocol::endpoint(local->path));
    }
    if (const auto* tcp = std::get_if<ListenTcp>(&listen)) {
        error_code error;
        auto address = asio::ip::make_address(tcp->address, error);
        if (error) return Error(errc::bad_listen, "not an IP address: " + tcp->address);
        // A server on every interface is reached through loopback.
        if (address.is_unspecified()) {
            address = address.is_v6() ? asio::ip::address(asio::ip::address_v6::loopback())
                                      : asio::ip::address(asio::ip::address_v4::loopback());
        }
        return Peer(asio::ip::tcp::endpoint(address, tcp->port));
    }
    return Error(errc::switched_off, "Monitoring.Listen is off: the daemon has no status endpoint");
}

Error connect_error(const Listen& listen, const error_code& error) {
    const std::string where = to_string(listen) + ": ";
    if (error == asio::error::connection_refused || error == boost::system::errc::no_such_file_or_directory) {
        return Error(errc::not_running,
                     where +
                         "nobody answers; is jiro-client running (`systemctl status jiro-client`), with this "
                         "Monitoring.Listen?");
    }
    if (error == asio::error::access_denied) {
        return Error(errc::no_permission,
                     where + "permission denied; run this as root or as a member of the socket's group");
    }
    return Error(errc::not_running, where + error.message());
}

Error read_error(const Listen& listen, const error_code& error) {
    const std::string where = to_string(listen) + ": ";
    if (error == http::error::body_limit) {
        return Error(errc::answer_too_large,
                     where + "the answer has more than " + std::to_string(kMaxAnswerBytes / 1024 / 1024) + " MiB");
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return Error(errc::answer_too_large,
                     where + "the answer's header is too large; is another program listening there?");
    }
    const bool is_lost = error == http::error::end_of_stream || error == http::error::partial_message ||
                         error.category() == boost::system::system_category();
    if (is_lost) return Error(errc::connection_lost, where + "the connection broke before the answer was complete");
    return Error(errc::answer_malformed,
                 where + "the answer is not HTTP (" + error.message() + "); is another program listening there?");
}

// The whole exchange; its time limit is the caller's.
Task<Result<Answer>> exchange(const Listen& listen, Protocol::endpoint endpoint, Request& request) {
    Protocol::socket socket(co_await asio::this_coro::executor);
    const auto [refused] = co_await socket.async_connect(endpoint, kNoThrow);
    if (refused) co_return connect_error(listen, refused);

    // An error of writing is left to the reading: the server may have answered and closed early, with the reason.
    co_await http::async_write(socket, request, kNoThrow);
    boost::beast::flat_buffer buffer(kMostUnparsed);
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxAnswerBytes);
    const auto [failed, bytes] = co_await http::async_read(socket, buffer, parser, kNoThrow);
    if (failed) co_return read_error(listen, failed);
    auto response = parser.release();
    co_return Answer{static_cast<int>(response.result_int()), std::move(response.body())};
}

Task<Result<Answer>> exchange_within(const Listen& listen, Protocol::endpoint endpoint, Request& request,
                                     Duration limit) {
    SystemClock clock;
    auto answer = co_await with_timeout(clock, limit, exchange(listen, std::move(endpoint), request));
    if (answer) co_return std::move(*answer);
    co_return Error(errc::timeout, to_string(listen) + ": no complete answer within " + milliseconds_text(limit));
}

Result<Answer> ask(const Listen& listen, Request request, Duration limit) {
    auto peer = peer_of(listen);
    if (!peer) return peer.error();
    request.version(11);
    request.set(http::field::host, std::holds_alternative<ListenTcp>(listen) ? to_string(listen) : "localhost");
    request.set(http::field::user_agent, "jiro-client");
    request.keep_alive(false);
    request.prepare_payload();

    asio::io_context context(1);
    return run_blocking(context, exchange_within(listen, std::move(peer->endpoint), request, limit));
}

}  // namespace

Result<Answer> get(const Listen& listen, std::string_view target, Duration limit) {
    return ask(listen, Request(http::verb::get, target, 11), limit);
}

Result<Answer> post(const Listen& listen, std::string_view target, std::string_view body, Duration limit) {
    Request request(http::verb::post, target, 11);
    request.set(http::field::content_type, "application/json");
    request.body() = body;
    return ask(listen, std::move(request), limit);
}

Result<std::string> fetch_status(const Listen& listen, Duration limit) {
    auto answer = get(listen, "/status", limit);
    if (!answer) return answer.error();
    if (answer->status == 503) return Error(errc::busy, to_string(listen) + ": it has too many connections; try again");
    if (answer->status != 200) {
        return Error(errc::refused, to_string(listen) + ": the answer has status " + std::to_string(answer->status));
    }
    if (StatusReader(json_or_null(answer->body)).text("state").empty()) {
        return Error(errc::answer_malformed,
                     to_string(listen) + ": the answer is not a status; is another program listening there?");
    }
    return std::move(answer->body);
}

}  // namespace jiro::monitor
