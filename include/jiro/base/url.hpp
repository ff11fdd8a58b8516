// SPDX-License-Identifier: MIT
#pragma once
// An absolute http, https, ws or wss URL, parsed once by Boost.URL. Its printed form leaves out user information and
// the values of every query parameter, since tokens travel there; `target()` is what goes on the wire.

#include <boost/url/url.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "jiro/base/error.hpp"

namespace jiro {

// Letters, digits and what `kept` holds stay as they are; every other byte becomes %XX.
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view kept = "-._~");
// "a=1&b=%20x" -> {a: "1", b: " x"}; what is not well encoded stays as it is, '+' too.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_query(std::string_view query);

class Url {
  public:
    Url() = default;
    // Fails on anything but an absolute URL with one of the four schemes, a host, and a port in 1..65535 or none.
    [[nodiscard]] static Result<Url> parse(std::string_view text);

    // Views into the URL: good until it ends or is assigned to.
    [[nodiscard]] std::string_view scheme() const noexcept { return url_.scheme(); }  // lower case
    [[nodiscard]] std::string_view host() const noexcept;                             // no brackets around IPv6
    [[nodiscard]] std::uint16_t port() const noexcept;                                // the scheme's default if absent
    [[nodiscard]] std::string_view path() const noexcept { return url_.encoded_path(); }    // "/" when empty
    [[nodiscard]] std::string_view query() const noexcept { return url_.encoded_query(); }  // without '?'; may be empty
    [[nodiscard]] std::string_view target() const noexcept { return url_.encoded_target(); }  // path?query
    // As in the Host header: the port is left out when it is the default.
    [[nodiscard]] std::string_view host_port() const noexcept { return url_.encoded_host_and_port(); }
    [[nodiscard]] std::string user_info() const { return url_.userinfo(); }  // decoded "user:password" or empty
    [[nodiscard]] bool is_tls() const noexcept { return scheme() == "https" || scheme() == "wss"; }
    // By its text: localhost, or an own address (own_address.hpp). What a name resolves to, who dials knows.
    [[nodiscard]] bool is_loopback() const;

    [[nodiscard]] std::string authority() const;  // host:port, always with the port: dialling, CONNECT, messages

    // The same URL with /segment appended to its path (joined by a single '/'), the query kept.
    [[nodiscard]] Url with_segment(std::string_view segment) const;
    // The same URL with key=value appended to its query; the value is percent-encoded.
    [[nodiscard]] Url with_parameter(std::string_view key, std::string_view value) const;
    [[nodiscard]] bool has_parameter(std::string_view key) const;
    // http->ws, https->wss.
    [[nodiscard]] Url as_websocket() const;

    // Safe for logs: no user information, query values replaced by '***'.
    [[nodiscard]] std::string redacted() const;

    friend bool operator==(const Url& left, const Url& right) noexcept {
        return left.url_.buffer() == right.url_.buffer();
    }

  private:
    explicit Url(const std::string& text);
    [[nodiscard]] Url with(std::string_view scheme, std::string_view path, std::string_view query) const;

    boost::urls::url url_;  // scheme and host in lower case; no default port, no fragment
};

}  // namespace jiro
