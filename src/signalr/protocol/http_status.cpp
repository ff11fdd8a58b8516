// SPDX-License-Identifier: MIT
#include "jiro/base/text.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/negotiate.hpp"

namespace jiro::signalr {

namespace {

// A page for people: no hub's answer, but that of something in between.
bool is_page(const HttpResponse& response) {
    const std::string* type = find_header(response.headers, "Content-Type");
    return type != nullptr && lower_case(*type).starts_with("text/html");
}

// Where a 3xx leads, whose query may hold secrets; empty when it does not say.
std::string target_of(const HttpResponse& response) {
    const std::string* location = find_header(response.headers, "Location");
    if (location == nullptr) return {};
    if (const auto url = Url::parse(*location)) return url->redacted();
    const bool is_path = location->starts_with('/') && !location->starts_with("//");  // which may name a password
    return is_path ? location->substr(0, location->find_first_of("?#")) : std::string();
}

std::string redirection(const HttpResponse& response) {
    const std::string target = target_of(response);
    if (target.empty())
        return "a redirect, usually to a login page, is not followed; check the hub URL and the credentials";
    return "a redirect to " + excerpt(target, 200) +
           " is not followed; if the hub is there, put that address into WebSocket.HubUrl, else check the credentials";
}

std::string_view advice(HttpStep step, unsigned status, bool is_page) {
    switch (status) {
        case 400:
            return "the server did not understand the request; check the hub URL, and that the server is ASP.NET Core";
        case 401:
            return "the credentials were not accepted; check AccessToken or ApiKey and whether the token has expired";
        case 403:
            if (is_page) {
                return "a web page was sent instead of the hub's answer: a firewall or a check for robots in between "
                       "refuses this client; let it pass there";
            }
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
        case 511:
            return "this network wants somebody to log in first, as in a hotel; do that, or use another network";
        default:
            break;
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

Error status_error(HttpStep step, const HttpResponse& response, const Url& url) {
    const unsigned status = response.status;
    std::string text = step == HttpStep::negotiate ? "negotiate with " : "WebSocket upgrade at ";
    text += url.redacted();
    text += " was answered with HTTP status " + std::to_string(status) + ": ";
    text +=
        status >= 300 && status < 400 ? redirection(response) : std::string(advice(step, status, is_page(response)));
    return Error(code_for(step, status), std::move(text));
}

}  // namespace jiro::signalr
