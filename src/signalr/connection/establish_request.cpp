// SPDX-License-Identifier: MIT
// What the requests of an attempt carry, and what of it goes where.

#include "jiro/base/proxy.hpp"
#include "jiro/base/text.hpp"
#include "signalr/connection/establish.hpp"

namespace jiro::signalr {

namespace {

constexpr std::string_view kDefaultUserAgent = "jiro-client (Microsoft SignalR compatible)";

// Every header of every request passes this, whoever gave its value: the settings, a token file, a redirect, a cookie.
std::optional<Error> unusable_header(const HttpHeaders& headers, const char* token_of) {
    for (const auto& [name, value] : headers) {
        if (can_be_sent(name, value)) continue;
        const bool is_token = equal_ignoring_case(name, "Authorization");
        return Error(is_token ? errc::credentials_failed : errc::not_configured,
                     "the header '" + excerpt(name, 100) + "'" + (is_token ? std::string(" (") + token_of + ')' : "") +
                         " cannot be sent: it contains a line break or control character, or is too long");
    }
    return std::nullopt;
}

void set_header(HttpHeaders& headers, std::string_view name, std::string value) {
    if (auto* known = find_ignoring_case(headers, name)) {
        *known = std::move(value);
    } else {
        headers.emplace_back(std::string(name), std::move(value));
    }
}

}  // namespace

Result<HttpRequest> Establish::request_to(const Url& url) const {
    auto headers = headers_for(url);
    if (!headers) return headers.error();
    auto proxy = proxy_for(settings_.proxy, url, environment_);
    if (!proxy) return Error(errc::not_configured, proxy.error().message);
    HttpRequest request{url, std::move(*headers), settings_.tls, std::move(*proxy), settings_.limits, reach_to(url)};
    if (!is_same_origin(url, origin_)) static_cast<TlsFiles&>(request.tls) = {settings_.tls.ca, {}, {}};
    return request;
}

http::Reach Establish::reach_to(const Url& url) const {
    if (!settings_.may_be_overheard && !url.is_tls()) return http::Reach::this_machine;
    const bool is_led_astray = !is_same_origin(url, origin_) && !origin_.is_loopback();
    return is_led_astray ? http::Reach::other_machines : http::Reach::anywhere;
}

Result<HttpHeaders> Establish::headers_for(const Url& url) const {
    HttpHeaders headers;
    headers.emplace_back("User-Agent", kDefaultUserAgent);
    const bool is_foreign = !is_same_origin(url, origin_);
    for (const auto& [name, value] : settings_.headers) {
        if (is_header_of_the_client(name) || (is_foreign && may_be_credential(name))) continue;
        set_header(headers, name, value);
    }
    // So that cookie authentication answers 401 and not with a login page.
    set_header(headers, "X-Requested-With", "XMLHttpRequest");
    if (const Secret token = token_for(url); !token.empty()) {
        set_header(headers, "Authorization", "Bearer " + token.reveal());
    }
    if (auto cookies = cookies_.header_for(url, clock_.wall_now()); !cookies.empty()) {
        const std::string* own = find_header(headers, "Cookie");
        auto both = own == nullptr ? std::move(cookies) : *own + "; " + cookies;
        if (can_be_sent("Cookie", both)) set_header(headers, "Cookie", std::move(both));
    }
    const char* token_of = redirect_token_.empty() ? "the access token" : "the token of the hub's redirect";
    if (auto unusable = unusable_header(headers, token_of)) return std::move(*unusable);
    return headers;
}

// A redirect's token replaces ours for the rest of the attempt; ours goes nowhere but to the configured origin.
Secret Establish::token_for(const Url& url) const {
    if (!redirect_token_.empty()) return redirect_token_;
    return is_same_origin(url, origin_) ? own_token_ : Secret();
}

}  // namespace jiro::signalr
