// SPDX-License-Identifier: MIT
#include "signalr/protocol/cookie_jar.hpp"

#include <algorithm>
#include <numeric>

#include "jiro/base/text.hpp"
#include "jiro/http/date.hpp"
#include "signalr/protocol/negotiate.hpp"

namespace jiro::signalr {

namespace {

constexpr std::size_t kMaxCookies = 50;
constexpr std::size_t kMaxCookieBytes = 4096;
constexpr std::size_t kMaxBytes = 12 * 1024;  // of all that go into one header, which has room for 16 KiB
constexpr std::chrono::seconds kLongestLife = std::chrono::hours(24 * 400);

bool domain_matches(std::string_view host, std::string_view domain) {
    return host == domain ||
           (host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

bool path_matches(std::string_view path, std::string_view prefix) {
    return path == prefix || (path.starts_with(prefix) && (prefix.ends_with('/') || path[prefix.size()] == '/'));
}

std::string default_path(const Url& url) {
    const auto slash = url.path().rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : std::string(url.path().substr(0, slash));
}

// When a cookie of that Max-Age ends; nullopt: it is no number, and so as good as not there (RFC 6265, 5.2.2).
std::optional<std::chrono::sys_seconds> end_after(std::string_view max_age, std::chrono::sys_seconds now) {
    const bool is_negative = max_age.starts_with('-');
    if (is_negative) max_age.remove_prefix(1);
    if (max_age.empty() || max_age.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    if (is_negative) return now;
    const auto seconds = parse_number<std::uint32_t>(max_age);
    return now + (seconds ? std::min(kLongestLife, std::chrono::seconds(*seconds)) : kLongestLife);
}

}  // namespace

std::optional<std::string> CookieJar::store(const Url& from, std::string_view set_cookie, WallTime now) {
    if (set_cookie.size() > kMaxCookieBytes || has_control_characters(set_cookie)) return std::nullopt;
    auto end = set_cookie.find(';');
    const auto pair = set_cookie.substr(0, end);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)).empty()) return std::nullopt;

    Cookie cookie{std::string(trimmed(pair.substr(0, equals))), std::string(trimmed(pair.substr(equals + 1))), from,
                  std::string(from.host()), default_path(from)};
    const auto today = std::chrono::floor<std::chrono::seconds>(now);
    std::optional<std::chrono::sys_seconds> end_by_age;  // which wins over Expires
    while (end != std::string_view::npos) {
        set_cookie.remove_prefix(end + 1);
        end = set_cookie.find(';');
        const auto attribute = trimmed(set_cookie.substr(0, end));
        const auto split = attribute.find('=');
        const auto name = lower_case(trimmed(attribute.substr(0, split)));
        const auto value = split == std::string_view::npos ? std::string_view() : trimmed(attribute.substr(split + 1));
        if (name == "secure") cookie.secure = true;
        if (name == "path" && value.starts_with('/')) cookie.path = value;
        if (name == "max-age") {
            if (const auto at = end_after(value, today)) end_by_age = at;
        }
        if (name == "expires") {
            if (const auto at = http::parse_http_date(value)) cookie.end = at;
        }
        if (name == "domain" && !value.empty()) {
            cookie.domain = lower_case(value.starts_with('.') ? value.substr(1) : value);
        }
    }
    if (end_by_age) cookie.end = end_by_age;
    // A cookie for somebody else's domain, or for a whole top-level domain, is none of the server's business.
    if (!domain_matches(from.host(), cookie.domain)) return std::nullopt;
    if (cookie.domain.find('.') == std::string::npos && cookie.domain != from.host()) return std::nullopt;

    std::erase_if(cookies_, [&](const Cookie& other) {
        return other.name == cookie.name && other.domain == cookie.domain && other.path == cookie.path &&
               is_same_origin(other.from, cookie.from);
    });
    const auto bytes = std::accumulate(
        cookies_.begin(), cookies_.end(), cookie.name.size() + cookie.value.size(),
        [](std::size_t sum, const Cookie& other) { return sum + other.name.size() + other.value.size(); });
    if (is_over(cookie, now) || cookies_.size() >= kMaxCookies || bytes > kMaxBytes) return std::nullopt;
    return cookies_.emplace_back(std::move(cookie)).value;
}

// In seconds: "Expires=Fri, 31 Dec 9999 ..." is common, and more than nanoseconds can count.
bool CookieJar::is_over(const Cookie& cookie, WallTime now) {
    return cookie.end && *cookie.end <= std::chrono::floor<std::chrono::seconds>(now);
}

std::string CookieJar::header_for(const Url& to, WallTime now) const {
    std::string header;
    for (const Cookie& cookie : cookies_) {
        if (is_over(cookie, now) || !is_same_origin(cookie.from, to) || !path_matches(to.path(), cookie.path)) continue;
        if (cookie.secure && !to.is_tls()) continue;
        header += (header.empty() ? "" : "; ") + cookie.name + '=' + cookie.value;
    }
    return header;
}

}  // namespace jiro::signalr
