// SPDX-License-Identifier: MIT
#include "jiro/monitor/settings.hpp"

#include <boost/asio/ip/address.hpp>

#include "jiro/base/text.hpp"
#include "jiro/monitor/errors.hpp"

namespace jiro::monitor {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

Error bad_listen(std::string what) {
    return Error(errc::bad_listen,
                 std::move(what) + "; allowed are ADDRESS:PORT (127.0.0.1:9470, [::1]:9470), unix:/PATH and off");
}

Result<Listen> parse_unix(std::string_view path) {
    if (path.empty() || path.front() != '/') return bad_listen("the path of a Unix socket must be absolute");
    if (path.size() > kMaxUnixPathBytes) {
        return Error(errc::path_too_long, "the path of a Unix socket has " + std::to_string(path.size()) +
                                              " bytes, the kernel takes at most " + std::to_string(kMaxUnixPathBytes));
    }
    return Listen(ListenUnix{std::string(path)});
}

}  // namespace

Result<Listen> parse_listen(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return bad_listen("it holds a NUL");
    if (text == "off") return Listen(ListenOff{});
    if (text.starts_with(kUnixPrefix)) return parse_unix(text.substr(kUnixPrefix.size()));

    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad_listen("the port is missing");
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    if (!port) return bad_listen("the port is not a number from 0 to 65535");

    auto host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host == "localhost") host = "127.0.0.1";
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(host), error);
    if (error) return bad_listen("the address is not an IP address");
    if (address.is_v6() != bracketed) return bad_listen("an IPv6 address, and only that, stands in brackets");
    return Listen(ListenTcp{address.to_string(), *port});
}

std::string to_string(const Listen& listen) {
    if (const auto* tcp = std::get_if<ListenTcp>(&listen)) {
        const bool is_v6 = tcp->address.find(':') != std::string::npos;
        return (is_v6 ? "[" + tcp->address + "]" : tcp->address) + ":" + std::to_string(tcp->port);
    }
    if (const auto* local = std::get_if<ListenUnix>(&listen)) return std::string(kUnixPrefix) + local->path;
    return "off";
}

bool is_local(const Listen& listen) {
    const auto* tcp = std::get_if<ListenTcp>(&listen);
    if (tcp == nullptr) return true;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(tcp->address, error);
    return !error && address.is_loopback();
}

}  // namespace jiro::monitor
