// SPDX-License-Identifier: MIT
#include "jiro/base/url.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <cctype>

#include "jiro/base/own_address.hpp"
#include "jiro/base/text.hpp"

namespace jiro {

namespace urls = boost::urls;

namespace {

Error invalid(std::string_view why) {
    return Error(boost::system::errc::make_error_code(boost::system::errc::invalid_argument), std::string(why));
}

constexpr std::size_t kLongestHost = 253;

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" || scheme == "wss" ? 443 : 80; }

std::string percent_decode(std::string_view text) {
    const auto encoded = urls::make_pct_string_view({text.data(), text.size()});
    return encoded ? encoded->decode() : std::string(text);
}

}  // namespace

std::string percent_encode(std::string_view text, std::string_view kept) {
    static constexpr std::string_view kUpperHex = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (is_plain || kept.find(c) != std::string_view::npos) {
            out += c;
        } else {
            out.append({'%', kUpperHex[byte >> 4U], kUpperHex[byte & 0xFU]});
        }
    }
    return out;
}

std::map<std::string, std::string, std::less<>> parse_query(std::string_view query) {
    std::map<std::string, std::string, std::less<>> parameters;
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto part = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
        const auto equals = part.find('=');
        if (part.empty()) continue;
        auto& value = parameters[percent_decode(part.substr(0, equals))];
        value = equals == std::string_view::npos ? std::string() : percent_decode(part.substr(equals + 1));
    }
    return parameters;
}

Result<Url> Url::parse(std::string_view text) {
    const auto parsed = urls::parse_uri({text.data(), text.size()});
    if (!parsed) return invalid("not an absolute URL such as https://hub.example/instanceHub");
    const auto scheme = lower_case(parsed->scheme());
    if (scheme != "http" && scheme != "https" && scheme != "ws" && scheme != "wss") {
        return invalid("the scheme must be http, https, ws or wss");
    }
    const bool is_ipv6 = parsed->host_type() == urls::host_type::ipv6;
    const auto host =
        lower_case(is_ipv6 ? std::string(parsed->host_ipv6_address().to_string()) : std::string(parsed->host()));
    if (host.empty()) return invalid("the host is missing");
    // As long as a DNS name can be. A hub's redirect may name a longer one, and Beast throws on a Host of 64 KiB.
    if (host.size() > kLongestHost) return invalid("the host is longer than any host name is");
    // A host is decoded: "http://a%0D%0Ab/" must not get line breaks into a Host header or a proxy's CONNECT. What
    // stays are the characters that a URL may have there as they are; a name in another script is written as xn--...
    const auto is_odd = [](unsigned char c) {
        return c >= 0x80 || (std::isalnum(c) == 0 &&
                             std::string_view("-._~!$&'()*+,;=:").find(static_cast<char>(c)) == std::string_view::npos);
    };
    if (std::ranges::any_of(host, is_odd)) return invalid("the host has a character that no host name has");
    if (host.ends_with('.')) return invalid("the host ends with a dot, which no certificate's name does");
    // Boost.URL's own port_number() of 1.81 wraps at 65,536.
    const std::uint16_t port =
        parsed->port().empty() ? default_port(scheme) : parse_number<std::uint16_t>(parsed->port()).value_or(0);
    if (port == 0) return invalid("the port must be between 1 and 65535");
    // Boost.URL takes what follows a malformed port for a path: "http://h:x/" has the path "x/".
    const std::string_view path = parsed->encoded_path();
    if (!path.empty() && !path.starts_with('/')) return invalid("the port must be a number between 1 and 65535");

    std::string whole = scheme + "://";
    if (parsed->has_userinfo()) whole.append(parsed->encoded_userinfo()).append("@");
    whole += is_ipv6 ? '[' + host + ']' : host;
    if (port != default_port(scheme)) whole += ':' + std::to_string(port);
    whole.append(path.empty() ? "/" : path);
    if (!parsed->encoded_query().empty()) whole.append("?").append(parsed->encoded_query());
    return Url(whole);
}

Url::Url(const std::string& text) : url_(urls::parse_uri(text).value()) {}

Url Url::with(std::string_view scheme, std::string_view path, std::string_view query) const {
    std::string whole(scheme);
    whole.append("://").append(url_.encoded_authority()).append(path);
    if (!query.empty()) whole.append("?").append(query);
    return Url(whole);
}

std::string_view Url::host() const noexcept { return url_.encoded_host_address(); }

std::uint16_t Url::port() const noexcept { return url_.has_port() ? url_.port_number() : default_port(scheme()); }

bool Url::is_loopback() const {
    if (host() == "localhost" || host().ends_with(".localhost")) return true;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host(), error);
    return !error && is_own_address(address);
}

std::string Url::authority() const {
    return std::string(host_port()) + (url_.has_port() ? std::string() : ':' + std::to_string(port()));
}

Url Url::with_segment(std::string_view segment) const {
    std::string longer(path());
    if (!longer.ends_with('/')) longer += '/';
    return with(scheme(), longer.append(segment), query());
}

Url Url::with_parameter(std::string_view key, std::string_view value) const {
    std::string longer(query());
    if (!longer.empty()) longer += '&';
    return with(scheme(), path(), longer.append(key).append("=").append(percent_encode(value)));
}

bool Url::has_parameter(std::string_view key) const {
    const urls::url_view_base& view = url_;
    return view.params().contains({key.data(), key.size()});
}

Url Url::as_websocket() const { return with(is_tls() ? "wss" : "ws", path(), query()); }

std::string Url::redacted() const {
    std::string text(scheme());
    text.append("://").append(host_port()).append(path());
    char separator = '?';
    for (std::string_view rest = query(); !rest.empty();) {
        const auto end = rest.find('&');
        const auto pair = rest.substr(0, end);
        const auto equals = pair.find('=');
        text += separator;
        text += pair.substr(0, equals);
        if (equals != std::string_view::npos) text += "=***";
        separator = '&';
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return text;
}

}  // namespace jiro
