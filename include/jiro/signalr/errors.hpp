// SPDX-License-Identifier: MIT
#pragma once
// Every way in which the hub connection can fail, by name; what fails on the way to the hub (name, TCP, proxy, TLS) has
// the names of jiro/http/errors.hpp. The Error that carries one of these says in its message what was being done, with
// which address or status, and what the operator can do about it.

#include <boost/system/error_code.hpp>

#include "jiro/http/errors.hpp"

namespace jiro::signalr {

enum class errc {
    // Reaching the hub
    not_configured = 1,  // no hub URL, or a setting that cannot be used
    credentials_failed,  // the credentials provider failed, e.g. an unreadable token file
    // Negotiate and upgrade
    negotiate_failed,     // another HTTP status than 200, 401 and 403, or the connection broke during the request
    negotiate_timeout,    // no answer in time
    negotiate_invalid,    // the answer is not a negotiate response: an HTML page, for one
    negotiate_refused,    // the answer carries `error`
    classic_signalr,      // an ASP.NET (not Core) SignalR server: another protocol
    no_common_transport,  // the server offers no WebSockets with Text
    too_many_redirects,   // more than 100
    redirect_refused,     // a redirect out of TLS, or from elsewhere to this machine
    unauthorized,         // 401 on negotiate or upgrade
    forbidden,            // 403 on negotiate or upgrade
    upgrade_failed,       // the WebSocket upgrade was answered with another status, or broke
    upgrade_timeout,      // no answer to the upgrade in time
    handshake_failed,     // the hub refused the protocol, or answered no handshake response
    handshake_timeout,    // no handshake response in time
    // A connection that stood
    connection_lost,   // reset, end of file, or WebSocket close 1000 without a hub Close
    closed_by_server,  // a hub Close message
    websocket_closed,  // a WebSocket close frame with another code than 1000; the message names it
    server_timeout,    // no record for ServerTimeout
    send_failed,       // a write failed
    send_timeout,      // a write took longer than its limit: the peer does not read
    protocol_error,    // a record that breaks the hub protocol
    invalid_json,      // a record that is not a JSON object
    invalid_utf8,      // a text that is not UTF-8
    nesting_too_deep,  // JSON nested deeper than 64 levels
    too_many_values,   // JSON of more values, or an object of more members, than a record may have
    unreadable_value,  // JSON with a number that no double holds, or half of a surrogate pair
    message_too_big,   // a record longer than MaxMessageBytes
    not_acknowledged,  // stateful reconnect: the server reads and does not say so, so that nothing can be forgotten
    sequence_gap,      // stateful reconnect: the server skipped messages
    settings_changed,  // a reload changed the hub URL or how it is reached
    // Calls
    not_active,          // send or invoke while not connected
    call_failed,         // the hub answered the call with an error; the message is the hub's text
    call_timeout,        // the call's deadline passed
    call_cancelled,      // the call was cancelled here
    result_mismatch,     // the hub's result does not have the expected type
    arguments_mismatch,  // an invocation's arguments do not fit the handler
    stopped,             // stop() was called
    internal,            // a broken invariant of ours
};

[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace jiro::signalr

template <>
struct boost::system::is_error_code_enum<jiro::signalr::errc> : std::true_type {};
