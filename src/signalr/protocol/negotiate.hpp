// SPDX-License-Identifier: MIT
#pragma once
// The negotiate request and its answer (TransportProtocols.md, "POST [endpoint-base]/negotiate"), as pure functions:
// URLs, response bodies, and what each HTTP status means to the operator.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "jiro/base/bounded_duration.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/base/url.hpp"
#include "signalr/protocol/http_message.hpp"

namespace jiro::signalr {

inline constexpr int kMaxNegotiations = 100;  // of one attempt: each but the last was answered by a redirect

// "Negotiate again over there", with this token instead of ours until the attempt is over.
struct NegotiateRedirect {
    Url url;
    Secret access_token;  // empty: none was given
};

struct NegotiateAccepted {
    std::string connection_id;  // public
    Secret connection_token;    // goes into `id=`; version 0: the connection id
    bool stateful_reconnect = false;
    std::optional<std::chrono::seconds> token_lifetime;
};

using NegotiateAnswer = std::variant<NegotiateRedirect, NegotiateAccepted>;

[[nodiscard]] Url negotiate_url(const Url& hub, bool ask_stateful_reconnect);
// ws(s), with `id=<token>` when there is one.
[[nodiscard]] Url websocket_url(const Url& hub, const Secret& connection_token);

// Where a connection that stands gets its new access token.
[[nodiscard]] Url refresh_url(const Url& hub, const Secret& connection_token);
// When that is done: 5 minutes before the old one's end, or after half of its life when that is shorter.
[[nodiscard]] std::chrono::seconds refresh_due_after(std::chrono::seconds lifetime) noexcept;
// Of the answer to it; nullopt: the server does not say, or nothing that can be used.
[[nodiscard]] std::optional<std::chrono::seconds> token_lifetime_in(std::string_view refresh_answer);

// The body of a 200. Errors: negotiate_invalid, negotiate_refused, classic_signalr, no_common_transport.
[[nodiscard]] Result<NegotiateAnswer> parse_negotiate_answer(std::string_view body, bool asked_stateful_reconnect);

// Same scheme security, host and port: our own credentials may go there.
[[nodiscard]] bool is_same_origin(const Url& left, const Url& right);

enum class HttpStep { negotiate, upgrade };

// What any other status than 200 (negotiate) or 101 (upgrade) means, and what to do about it.
[[nodiscard]] Error status_error(HttpStep step, const HttpResponse& response, const Url& url);

}  // namespace jiro::signalr
