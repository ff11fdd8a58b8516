// SPDX-License-Identifier: MIT
#pragma once
// An absolute http, https, ws or wss URL, parsed once (by Boost.URL) and held in parts. Its printed form leaves out
// user information and the values of every query parameter, since tokens travel there; `target()` is what goes on the
// wire.

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
    // Fails on anything but an absolute URL with one of the four schemes, a host, and a port in 1..65535 or none.
    [[nodiscard]] static Result<Url> parse(std::string_view text);

    [[nodiscard]] const std::string& scheme() const noexcept { return scheme_; }  // lower case
    [[nodiscard]] const std::string& host() const noexcept { return host_; }      // no brackets around IPv6
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }           // the scheme's default if absent
    [[nodiscard]] const std::string& path() const noexcept { return path_; }      // encoded; "/" when empty
    [[nodiscard]] const std::string& query() const noexcept { return query_; }    // encoded, without '?'; may be empty
    [[nodiscard]] const std::string& user_info() const noexcept {
        return user_info_;
    }  // decoded "user:password" or empty
    [[nodiscard]] bool is_tls() const noexcept { return scheme_ == "https" || scheme_ == "wss"; }
    [[nodiscard]] bool is_loopback() const;  // localhost, 127.0.0.0/8, ::1

    [[nodiscard]] std::string target() const;     // path?query
    [[nodiscard]] std::string host_port() const;  // as in the Host header: port left out when it is the default
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

    friend bool operator==(const Url&, const Url&) = default;

  private:
    std::string scheme_;
    std::string host_;
    std::uint16_t port_ = 0;
    std::string path_;
    std::string query_;
    std::string user_info_;
};

}  // namespace jiro
