// SPDX-License-Identifier: MIT
#include "signalr/transport/proxy.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "jiro/base/base64.hpp"
#include "jiro/base/text.hpp"
#include "jiro/signalr/errors.hpp"

namespace jiro::signalr {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxProxyHeaderBytes = 16'384;
constexpr int kMaxInterimHeads = 16;  // of the 1xx class, ahead of the answer that counts

Error refused(const Url& proxy, const std::string& authority, unsigned status) {
    std::string text = "the proxy " + proxy.authority() + " refused the tunnel to " + authority + " with status " +
                       std::to_string(status);
    text += status == 407 ? ": it wants credentials; put them into WebSocket.Proxy as http://user:password@host:port"
                          : "; check the proxy's rules";
    return Error(errc::proxy_refused, std::move(text));
}

// The status of "HTTP/1.x NNN ..."; 0 when it is not HTTP.
unsigned status_of(std::string_view head) {
    if (!head.starts_with("HTTP/1.") || head.size() < 12) return 0;
    return parse_number<unsigned>(head.substr(9, 3)).value_or(0);
}

// Up to the empty line. Byte by byte: what follows the head belongs to the tunnel and must stay in the socket. Heads
// are short.
Task<Result<std::string>> read_head(asio::ip::tcp::socket& socket, const Url& proxy) {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        if (head.size() >= kMaxProxyHeaderBytes) {
            co_return Error(errc::proxy_failed, "the proxy " + proxy.authority() + " sent too long a header");
        }
        char byte = 0;
        const auto [error, count] = co_await socket.async_read_some(asio::buffer(&byte, 1), kNoThrow);
        if (error) {
            co_return Error(errc::proxy_failed,
                            "the proxy " + proxy.authority() + " hung up before it answered: " + error.message());
        }
        head += byte;
    }
    co_return head;
}

}  // namespace

Task<Result<void>> open_tunnel(asio::ip::tcp::socket& socket, Url proxy, std::string authority) {
    std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
    if (!proxy.user_info().empty()) {
        request += "Proxy-Authorization: Basic " + to_base64(proxy.user_info()) + "\r\n";
    }
    request += "\r\n";
    const auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(request), kNoThrow);
    if (write_error) {
        co_return Error(errc::proxy_failed, "the proxy " + proxy.authority() + " hung up: " + write_error.message());
    }

    unsigned status = 0;
    for (int heads = 0; heads <= kMaxInterimHeads; ++heads) {
        auto head = co_await read_head(socket, proxy);
        if (!head) co_return head.error();
        status = status_of(*head);
        if (status < 100 || status > 199) break;
    }
    if (status == 0) co_return Error(errc::proxy_failed, proxy.authority() + " does not speak HTTP: is it a proxy?");
    if (status < 200 || status > 299) co_return refused(proxy, authority, status);
    co_return Result<void>();
}

}  // namespace jiro::signalr
