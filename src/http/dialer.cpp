// SPDX-License-Identifier: MIT
#include "jiro/http/dialer.hpp"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include "jiro/base/outside_calls.hpp"
#include "jiro/base/own_address.hpp"
#include "jiro/base/proxy.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/http/answer_head.hpp"
#include "jiro/http/errors.hpp"

namespace jiro::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// While more addresses are left, one that does not answer gets so long only.
constexpr std::chrono::milliseconds kNextAddressAfter{2'000};

// Look-ups that may be under way at a time: one a name.
constexpr std::size_t kMaxLookups = 16;

struct Lookup {
    error_code error;
    std::vector<tcp::endpoint> endpoints;
};

// getaddrinfo cannot be interrupted. One that hangs is left alone and holds up nothing, not even the process's end.
OutsideFunctions<Lookup>& lookups() {
    static auto& functions = *new OutsideFunctions<Lookup>("resolver", kMaxLookups);
    return functions;
}

Lookup ask_resolver(const std::string& host, std::uint16_t port) {
    Lookup lookup;
    asio::io_context unused;  // the blocking form needs no event loop
    tcp::resolver resolver(unused);
    const auto found =
        resolver.resolve(host, std::to_string(port), asio::ip::resolver_base::numeric_service, lookup.error);
    for (const auto& entry : found) lookup.endpoints.push_back(entry.endpoint());
    return lookup;
}

// The first of each family first, then alternating: one broken family costs one wait (after RFC 8305).
std::vector<tcp::endpoint> interleaved(const std::vector<tcp::endpoint>& endpoints) {
    if (endpoints.empty()) return {};
    const bool first_is_v6 = endpoints.front().address().is_v6();
    std::vector<tcp::endpoint> same;
    std::vector<tcp::endpoint> other;
    for (const auto& endpoint : endpoints)
        (endpoint.address().is_v6() == first_is_v6 ? same : other).push_back(endpoint);
    std::vector<tcp::endpoint> result;
    for (std::size_t i = 0; i < std::max(same.size(), other.size()); ++i) {
        if (i < same.size()) result.push_back(same[i]);
        if (i < other.size()) result.push_back(other[i]);
    }
    return result;
}

Task<Result<std::vector<tcp::endpoint>>> resolve(Clock& clock, std::string host, std::uint16_t port,
                                                 std::chrono::milliseconds limit) {
    error_code not_an_address;
    const auto address = asio::ip::make_address(host, not_an_address);
    if (!not_an_address) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};

    const std::string name = host + ':' + std::to_string(port);
    std::function<Lookup()> function = [host, port] { return ask_resolver(host, port); };
    const auto lookup = co_await lookups().run(name, std::move(function), clock, limit);
    if (!lookup) {
        co_return Error(errc::resolve_timeout, "resolving " + host + " took longer than " + milliseconds_text(limit) +
                                                   "; check the DNS servers");
    }
    if (lookup->error || lookup->endpoints.empty()) {
        co_return Error(errc::resolve_failed, "resolving " + host + " failed: " + lookup->error.message() +
                                                  "; check the name in the URL and the DNS servers");
    }
    co_return interleaved(lookup->endpoints);
}

// Those of the addresses where the connection may lead.
Result<std::vector<tcp::endpoint>> within(Reach reach, std::vector<tcp::endpoint> endpoints, const Url& url) {
    if (reach == Reach::anywhere) return endpoints;
    const bool is_to_stay = reach == Reach::this_machine;
    std::erase_if(endpoints,
                  [&](const tcp::endpoint& endpoint) { return is_own_address(endpoint.address()) != is_to_stay; });
    if (!endpoints.empty()) return endpoints;
    return Error(errc::address_refused,
                 url.authority() + (is_to_stay ? " is not this machine, and without encryption it has to be"
                                               : " is this machine, where a server elsewhere may not lead"));
}

Task<error_code> connect_one(tcp::socket& socket, tcp::endpoint endpoint) {
    const auto [error] = co_await socket.async_connect(endpoint, kNoThrow);
    co_return error;
}

Task<Result<tcp::socket>> connect(Clock& clock, std::string authority, std::vector<tcp::endpoint> endpoints,
                                  std::chrono::milliseconds limit) {
    const auto executor = co_await asio::this_coro::executor;
    const auto deadline = clock.now() + limit;
    std::string reasons;
    bool timed_out = false;
    for (std::size_t i = 0; i < endpoints.size() && clock.now() < deadline; ++i) {
        const bool is_last = i + 1 == endpoints.size();
        const Duration left = deadline - clock.now();
        const Duration patience = is_last ? left : std::min<Duration>(left, kNextAddressAfter);
        tcp::socket socket(executor);
        const auto error = co_await with_timeout(clock, patience, connect_one(socket, endpoints[i]));
        if (error && !*error) {
            error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            co_return std::move(socket);
        }
        timed_out = !error;
        reasons += (reasons.empty() ? "" : ", ") + endpoints[i].address().to_string() + ": " +
                   (error ? error->message() : std::string("no answer"));
    }
    if (timed_out) {
        co_return Error(errc::connect_timeout, "connecting to " + authority + " took longer than " +
                                                   milliseconds_text(limit) + " (" + reasons +
                                                   "); check the network and firewalls in between");
    }
    co_return Error(errc::connect_failed, "connecting to " + authority + " failed (" + reasons +
                                              "); check that the server runs and listens there");
}

Error tunnel_refused(const Url& proxy, const std::string& authority, unsigned status) {
    std::string text = "the proxy " + proxy.authority() + " refused the tunnel to " + authority + " with status " +
                       std::to_string(status);
    text += status == 407 ? ": it wants credentials; put them into its URL, http://user:password@host:port"
                          : "; check the proxy's rules";
    return Error(errc::proxy_refused, std::move(text));
}

// Byte by byte: what follows the head belongs to the tunnel and must stay in the socket. Heads are short.
Task<Result<unsigned>> read_status(asio::ip::tcp::socket& socket, const Url& proxy) {
    AnswerHead head;
    while (!head.is_settled()) {
        char byte = 0;
        const auto [error, count] = co_await socket.async_read_some(asio::buffer(&byte, 1), kNoThrow);
        if (error) {
            co_return Error(errc::proxy_failed,
                            "the proxy " + proxy.authority() + " hung up before it answered: " + error.message());
        }
        head.feed({&byte, 1});
    }
    if (head.is_too_long()) {
        co_return Error(errc::proxy_failed, "the proxy " + proxy.authority() + " sent too long a header");
    }
    co_return head.status();
}

// HTTP CONNECT (RFC 9110, 9.3.6), with Basic credentials from the proxy's URL. After success the socket speaks to
// `authority`.
Task<Result<void>> open_tunnel(asio::ip::tcp::socket& socket, Url proxy, std::string authority) {
    std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
    const std::string user = proxy_authorization(proxy);
    if (!user.empty()) request += "Proxy-Authorization: " + user + "\r\n";
    request += "\r\n";
    const auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(request), kNoThrow);
    if (write_error) {
        co_return Error(errc::proxy_failed, "the proxy " + proxy.authority() + " hung up: " + write_error.message());
    }

    const auto status = co_await read_status(socket, proxy);
    if (!status) co_return status.error();
    if (*status == 0) co_return Error(errc::proxy_failed, proxy.authority() + " does not speak HTTP: is it a proxy?");
    if (*status < 200 || *status > 299) co_return tunnel_refused(proxy, authority, *status);
    co_return Result<void>();
}

}  // namespace

Task<Result<tcp::socket>> dial(Clock& clock, const Endpoint& endpoint) {
    const Url& first_hop = endpoint.proxy ? *endpoint.proxy : endpoint.url;
    std::string host(first_hop.host());
    auto endpoints = co_await resolve(clock, std::move(host), first_hop.port(), endpoint.limits.resolve);
    if (endpoints && !endpoint.proxy) endpoints = within(endpoint.reach, std::move(*endpoints), endpoint.url);
    if (!endpoints) co_return endpoints.error();
    auto socket = co_await connect(clock, first_hop.authority(), std::move(*endpoints), endpoint.limits.connect);
    if (!socket) co_return socket.error();
    if (endpoint.proxy) {
        const auto limit = endpoint.limits.proxy;
        auto tunnel =
            co_await with_timeout(clock, limit, open_tunnel(*socket, *endpoint.proxy, endpoint.url.authority()));
        if (!tunnel) {
            co_return Error(errc::proxy_timeout, "the proxy " + endpoint.proxy->authority() +
                                                     " did not open a tunnel to " + endpoint.url.authority() +
                                                     " within " + milliseconds_text(limit));
        }
        if (!*tunnel) co_return tunnel->error();
    }
    co_return std::move(*socket);
}

}  // namespace jiro::http
