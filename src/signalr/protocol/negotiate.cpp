// SPDX-License-Identifier: MIT
#include "signalr/protocol/negotiate.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "jiro/base/json.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/text.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/json_reader.hpp"

namespace jiro::signalr {

using nlohmann::json;

namespace {

Error invalid_answer(std::string_view what) {
    return Error(errc::negotiate_invalid, "Invalid negotiation response received: " + std::string(what));
}

// A non-empty string member; nullopt when absent, null, empty or of another type.
std::optional<std::string> text_member(const json& object, const char* name) {
    auto text = member_as<std::string>(object, name);
    return text && !text->empty() ? std::move(text) : std::nullopt;
}

bool looks_like_html(std::string_view body) {
    const auto start = body.find_first_not_of(" \t\r\n");
    return start != std::string_view::npos && body[start] == '<';
}

// Empty when WebSockets with Text is among them; else what is wrong.
std::optional<Error> check_transports(const json& answer) {
    const auto transports = answer.find("availableTransports");
    if (transports == answer.end() || !transports->is_array())
        return invalid_answer("'availableTransports' is missing");
    bool usable = false;
    std::string offered;
    for (const json& entry : *transports) {
        if (!entry.is_object()) return invalid_answer("an entry of 'availableTransports' is not an object");
        const auto name = text_member(entry, "transport");
        if (!name) return invalid_answer("a transport without a name");
        offered += (offered.empty() ? "" : ", ") + excerpt(*name, 40);
        const auto formats = entry.find("transferFormats");
        const bool text = formats != entry.end() && formats->is_array() &&
                          std::ranges::any_of(*formats, [](const json& format) { return format == "Text"; });
        usable = usable || (*name == "WebSockets" && text);
    }
    if (usable) return std::nullopt;
    return Error(errc::no_common_transport, "the server does not offer WebSockets with text messages, only: " +
                                                (offered.empty() ? "nothing" : offered) +
                                                "; enable WebSockets on the server and on proxies in front of it");
}

Result<NegotiateAnswer> read_redirect(const std::string& target, const json& answer) {
    auto url = Url::parse(target);
    if (!url) return invalid_answer("the redirect's 'url' is " + url.error().message);
    return NegotiateRedirect{std::move(*url), Secret(text_member(answer, "accessToken").value_or(""))};
}

Result<int> read_version(const json& answer) {
    const auto version = answer.find("negotiateVersion");
    if (version == answer.end() || version->is_null()) return 0;
    if (!version->is_number_integer()) return invalid_answer("'negotiateVersion' is not an integer");
    return *version > 0 ? 1 : 0;
}

std::optional<std::chrono::seconds> read_lifetime(const json& answer) {
    const auto seconds = member_as<std::int64_t>(answer, "tokenLifetimeSeconds").value_or(0);
    return seconds > 0 && seconds < 1'000'000'000 ? std::optional(std::chrono::seconds(seconds)) : std::nullopt;
}

Result<NegotiateAnswer> read_accepted(const json& answer, bool asked_stateful_reconnect) {
    const auto version = read_version(answer);
    if (!version) return version.error();
    NegotiateAccepted accepted;
    auto id = text_member(answer, "connectionId");
    if (!id) return invalid_answer("'connectionId' is missing");
    accepted.connection_id = shortened(*id);
    accepted.connection_token = Secret(std::move(*id));
    if (*version > 0) {
        auto token = text_member(answer, "connectionToken");
        if (!token) return invalid_answer("'connectionToken' is missing");
        accepted.connection_token = Secret(std::move(*token));
    }
    if (auto problem = check_transports(answer)) return std::move(*problem);
    if (const auto stateful = answer.find("useStatefulReconnect"); stateful != answer.end()) {
        if (!stateful->is_boolean() && !stateful->is_null())
            return invalid_answer("'useStatefulReconnect' is not a boolean");
        accepted.stateful_reconnect = *stateful == true;
    }
    if (accepted.stateful_reconnect && !asked_stateful_reconnect) {
        return invalid_answer("the server turned stateful reconnect on without being asked");
    }
    accepted.token_lifetime = read_lifetime(answer);
    return NegotiateAnswer(std::move(accepted));
}

}  // namespace

Url negotiate_url(const Url& hub, bool ask_stateful_reconnect) {
    Url url = hub.with_segment("negotiate");
    if (!url.has_parameter("negotiateVersion")) url = url.with_parameter("negotiateVersion", "1");
    return ask_stateful_reconnect ? url.with_parameter("useStatefulReconnect", "true") : url;
}

Url websocket_url(const Url& hub, const Secret& connection_token) {
    const Url url = hub.as_websocket();
    return connection_token.empty() ? url : url.with_parameter("id", connection_token.reveal());
}

Url refresh_url(const Url& hub, const Secret& connection_token) {
    return hub.with_segment("refresh").with_parameter("id", connection_token.reveal());
}

std::chrono::seconds refresh_due_after(std::chrono::seconds lifetime) noexcept {
    constexpr std::chrono::seconds kBeforeTheEnd{300};
    constexpr std::chrono::seconds kLeast{10};  // whatever the server says
    return std::max(kLeast, std::max(lifetime / 2, lifetime - kBeforeTheEnd));
}

std::optional<std::chrono::seconds> token_lifetime_in(std::string_view refresh_answer) {
    const auto answer = read_json_object(refresh_answer);
    return answer ? read_lifetime(*answer) : std::nullopt;
}

Result<NegotiateAnswer> parse_negotiate_answer(std::string_view body, bool asked_stateful_reconnect) {
    const auto answer = read_json_object(body);
    if (!answer) {
        return invalid_answer(looks_like_html(body)
                                  ? "it is an HTML page: usually a login page or a proxy, so check the hub URL"
                                  : std::string_view(answer.error().message));
    }
    if (answer->contains("ProtocolVersion")) {
        return Error(errc::classic_signalr,
                     "the server speaks ASP.NET SignalR; this client needs an ASP.NET Core SignalR server");
    }
    if (const auto error = answer->find("error"); error != answer->end() && !error->is_null()) {
        return Error(errc::negotiate_refused,
                     "the hub refused to negotiate: " +
                         (error->is_string() ? error->get<std::string>() : std::string("an error that is not a text")));
    }
    if (const auto url = text_member(*answer, "url")) return read_redirect(*url, *answer);
    return read_accepted(*answer, asked_stateful_reconnect);
}

bool is_same_origin(const Url& left, const Url& right) {
    return left.is_tls() == right.is_tls() && left.host() == right.host() && left.port() == right.port();
}

}  // namespace jiro::signalr
