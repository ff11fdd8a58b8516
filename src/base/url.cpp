// SPDX-License-Identifier: MIT
#include "jiro/base/url.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/system/errc.hpp>
#include <boost/url/params_encoded_view.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/parse_query.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>

#include "jiro/base/text.hpp"

namespace jiro {

namespace urls = boost::urls;

namespace {

Error invalid(std::string_view why) {
    return Error(boost::system::errc::make_error_code(boost::system::errc::invalid_argument), std::string(why));
}

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" || scheme == "wss" ? 443 : 80; }

std::string percent_decode(std::string_view text) {
    const auto encoded = urls::make_pct_string_view({text.data(), text.size()});
    return encoded ? encoded->decode() : std::string(text);
}

}  // namespace

std::string percent_encode(std::string_view text, std::string_view kept) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (is_plain || kept.find(c) != std::string_view::npos) {
            out += c;
        } else {
            out.append({'%', kHex[byte >> 4U], kHex[byte & 0xFU]});
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
    Url url;
    url.scheme_ = lower_case(parsed->scheme());
    if (url.scheme_ != "http" && url.scheme_ != "https" && url.scheme_ != "ws" && url.scheme_ != "wss") {
        return invalid("the scheme must be http, https, ws or wss");
    }
    url.host_ =
        lower_case(parsed->host_type() == urls::host_type::ipv6 ? std::string(parsed->host_ipv6_address().to_string())
                                                                : std::string(parsed->host()));
    if (url.host_.empty()) return invalid("the host is missing");
    // A host is decoded: "http://a%0D%0Ab/" must not get line breaks into a Host header or a proxy's CONNECT. What
    // stays are the characters that a URL may have there as they are; a name in another script is written as xn--...
    const auto is_odd = [](unsigned char c) {
        return c >= 0x80 || (std::isalnum(c) == 0 &&
                             std::string_view("-._~!$&'()*+,;=:").find(static_cast<char>(c)) == std::string_view::npos);
    };
    if (std::ranges::any_of(url.host_, is_odd)) return invalid("the host has a character that no host name has");
    url.port_ = default_port(url.scheme_);
    if (parsed->has_port() && !parsed->port().empty()) {
        url.port_ = parsed->port_number();
        if (url.port_ == 0) return invalid("the port must be between 1 and 65535");
    }
    url.path_ = parsed->encoded_path().empty() ? "/" : std::string(parsed->encoded_path());
    // Boost.URL takes what follows a malformed port for a path: "http://h:x/" has the path "x/".
    if (!url.path_.starts_with('/')) return invalid("the port must be a number between 1 and 65535");
    url.query_ = std::string(parsed->encoded_query());
    url.user_info_ = parsed->has_userinfo() ? std::string(parsed->userinfo()) : std::string();
    return url;
}

bool Url::is_loopback() const {
    if (host_ == "localhost" || host_.ends_with(".localhost")) return true;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host_, error);
    return !error && address.is_loopback();
}

std::string Url::target() const { return query_.empty() ? path_ : path_ + '?' + query_; }

std::string Url::host_port() const {
    return port_ == default_port(scheme_) ? authority().substr(0, authority().rfind(':')) : authority();
}

std::string Url::authority() const {
    const bool is_ipv6 = host_.find(':') != std::string::npos;
    return (is_ipv6 ? '[' + host_ + ']' : host_) + ':' + std::to_string(port_);
}

Url Url::with_segment(std::string_view segment) const {
    Url url = *this;
    if (!url.path_.ends_with('/')) url.path_ += '/';
    url.path_ += segment;
    return url;
}

Url Url::with_parameter(std::string_view key, std::string_view value) const {
    Url url = *this;
    if (!url.query_.empty()) url.query_ += '&';
    url.query_ += key;
    url.query_ += '=';
    url.query_ += percent_encode(value);
    return url;
}

bool Url::has_parameter(std::string_view key) const {
    const auto parameters = urls::parse_query({query_.data(), query_.size()});
    return parameters && parameters->contains({key.data(), key.size()});
}

Url Url::as_websocket() const {
    Url url = *this;
    if (scheme_ == "http") url.scheme_ = "ws";
    if (scheme_ == "https") url.scheme_ = "wss";
    return url;
}

std::string Url::redacted() const {
    std::string text = scheme_ + "://" + host_port() + path_;
    char separator = '?';
    for (std::string_view rest = query_; !rest.empty();) {
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
