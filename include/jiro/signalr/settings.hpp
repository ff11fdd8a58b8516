// SPDX-License-Identifier: MIT
#pragma once
// What the hub connection can be told. A plain struct: config fills it from the WebSocket block (and from the
// environment), the hub connection reads it anew at each attempt. Durations carry their unit in the type; every default
// is stated here.
//
// Credentials are not settings: they may come from files that are rotated, so the connection asks a CredentialsProvider
// for them at each attempt and forgets them when the attempt is over.

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/base/url.hpp"
#include "jiro/http/settings.hpp"

namespace jiro::signalr {

// Applies to negotiate, redirect targets and the WebSocket upgrade alike.
using http::TlsSettings;

// And of the other steps of one attempt, and of sending and closing.
struct StepLimits : http::StepLimits {
    std::chrono::milliseconds negotiate{30'000};  // one negotiate request and its answer, after the connection stands
    std::chrono::milliseconds upgrade{15'000};    // the WebSocket upgrade request and its answer
    std::chrono::milliseconds send{15'000};       // one write; a peer that stops reading is cut off after it
    std::chrono::milliseconds close{5'000};  // stop(): Close message and closing handshake; then the socket is aborted

    friend bool operator==(const StepLimits&, const StepLimits&) = default;
};

struct Settings {
    std::optional<Url> hub_url;  // http(s) or ws(s); nullopt: not configured yet, run() waits for update()

    std::chrono::milliseconds reconnection_delay{5'000};       // upper bound of the first delay; doubles each attempt
    std::chrono::milliseconds max_reconnection_delay{60'000};  // upper bound of every delay
    int max_reconnection_attempts = 5;                         // then Failed; -1: no limit
    std::chrono::milliseconds failed_retry_delay{60'000};      // Failed -> Connecting after U(half of it, it)

    std::chrono::milliseconds handshake_timeout{15'000};    // hub protocol handshake
    std::chrono::milliseconds keep_alive_interval{15'000};  // a Ping goes out when nothing else did for so long
    std::chrono::milliseconds server_timeout{30'000};       // the connection is lost when no record came for so long
    StepLimits limits;

    std::vector<std::pair<std::string, std::string>> headers;  // added to negotiate and upgrade
    bool skip_negotiation = false;    // straight to the WebSocket: no connection id, no redirect, no stateful reconnect
    bool stateful_reconnect = false;  // ask the hub to resume a cut connection with nothing lost

    // False: what the hub says must come over TLS or from this machine, wherever a redirect leads.
    bool may_be_overheard = true;

    // One hub record; a longer one is errc::message_too_big and the connection is dropped.
    std::size_t max_message_bytes = 1'048'576;
    // One hub record sent; what is longer is sent all the same, with a warning. Who makes long ones shortens them
    // before.
    std::size_t max_send_bytes = 32'768;
    // Invocations whose handlers are queued or running; at the limit reading pauses, so nothing is lost.
    std::size_t max_pending_invocations = 4'096;
    // Not yet written to the socket; at the limit send(), invoke() and stream() wait.
    std::size_t max_send_queue_bytes = 4'194'304;
    // Received and not yet read by the caller, of one stream; at the limit reading pauses.
    std::size_t max_stream_items = 1'024;
    // Sent and not yet acknowledged (stateful reconnect only); at the limit senders wait.
    std::size_t max_resume_bytes = 100'000;

    // http://[user:password@]host:port; nullopt: what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say.
    std::optional<Url> proxy;
    TlsSettings tls;

    friend bool operator==(const Settings&, const Settings&) = default;
};

// The rules for Settings::headers, which config asks for, too. A header that makes the request itself is the client's
// own; the connection leaves it out. One that would break the request (by its name, a control character, more than 16
// KiB) fails the attempt.
[[nodiscard]] bool is_header_of_the_client(std::string_view name);
// Any header but User-Agent, whatever its name: not sent to a hub elsewhere, not shown.
[[nodiscard]] bool may_be_credential(std::string_view name);
[[nodiscard]] bool can_be_sent(std::string_view name, std::string_view value);

// Whether a hub there may be listened to: the one rule, for the address that is configured and those of redirects. By
// the URL's text: that a name is this machine's, dialling makes sure.
[[nodiscard]] bool may_be_hub(const Settings& settings, const Url& url);

// Whether a connection made with `before` is not the one that `after` asks for. Only what an attempt alone needs may
// differ: a setting that is added counts as one that needs a new connection.
[[nodiscard]] bool requires_reconnect(const Settings& before, Settings after);

// What goes out as `Authorization: Bearer` and as the query parameter `api_key`. Asked at each attempt, on the event
// loop; must not block for long (it reads small files). An error is a failed attempt.
using CredentialsProvider = std::function<Result<Credentials>()>;

}  // namespace jiro::signalr
