// SPDX-License-Identifier: MIT
#include <ctime>

#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/negotiate.hpp"

namespace jiro::signalr {

namespace {

std::string_view advice(HttpStep step, unsigned status) {
    switch (status) {
        case 400:
            return "the server did not understand the request; check the hub URL, and that the server is ASP.NET Core";
        case 401:
            return "the credentials were not accepted; check AccessToken or ApiKey and whether the token has expired";
        case 403:
            return "the credentials are valid but not allowed to use this hub; check the permissions on the server";
        case 404:
            return step == HttpStep::negotiate
                       ? "there is no SignalR hub at this path, or a proxy in between hides it; check the hub URL"
                       : "the server does not know the connection any more; with several servers, enable sticky "
                         "sessions";
        case 405:
            return "this path does not take POST, so it is not a SignalR hub; check the hub URL";
        case 407:
            return "a proxy asks for credentials; put them into WebSocket.Proxy";
        case 409:
            return "the connection id is already in use";
        case 429:
            return "the server limits requests; raise ReconnectionDelayMs if this stays";
        case 503:
            return "the server is not available at the moment";
        default:
            break;
    }
    if (status >= 300 && status < 400) {
        return "a redirect, usually to a login page, is not followed; check the hub URL and the credentials";
    }
    if (status >= 500) return "the server failed; see its log";
    return step == HttpStep::negotiate ? "expected 200" : "expected 101 Switching Protocols";
}

errc code_for(HttpStep step, unsigned status) {
    if (status == 401) return errc::unauthorized;
    if (status == 403) return errc::forbidden;
    return step == HttpStep::negotiate ? errc::negotiate_failed : errc::upgrade_failed;
}

}  // namespace

Error status_error(HttpStep step, unsigned status, const Url& url) {
    std::string text = step == HttpStep::negotiate ? "negotiate with " : "WebSocket upgrade at ";
    text += url.redacted();
    text += " was answered with HTTP status " + std::to_string(status) + ": ";
    text += advice(step, status);
    return Error(code_for(step, status), std::move(text));
}

std::optional<BoundedDuration> parse_retry_after(std::string_view value, WallTime now) {
    using std::chrono::seconds;
    if (const auto delay = BoundedDuration::parse<seconds>(value)) return delay;
    std::tm date{};
    const std::string text(value);
    const char* const end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (end == nullptr || *end != '\0') return std::nullopt;
    // In seconds: the nanoseconds of a WallTime end in the year 2262.
    return BoundedDuration(seconds(timegm(&date)) - std::chrono::floor<seconds>(now.time_since_epoch()));
}

}  // namespace jiro::signalr
