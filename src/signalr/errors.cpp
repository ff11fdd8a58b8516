// SPDX-License-Identifier: MIT
#include "jiro/signalr/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::signalr {

namespace {

constexpr const char* kNames[] = {"not_configured",
                                  "credentials_failed",
                                  "resolve_failed",
                                  "resolve_timeout",
                                  "connect_failed",
                                  "connect_timeout",
                                  "proxy_refused",
                                  "proxy_failed",
                                  "proxy_timeout",
                                  "tls_settings_invalid",
                                  "tls_failed",
                                  "tls_timeout",
                                  "negotiate_failed",
                                  "negotiate_timeout",
                                  "negotiate_invalid",
                                  "negotiate_refused",
                                  "classic_signalr",
                                  "no_common_transport",
                                  "too_many_redirects",
                                  "redirect_refused",
                                  "unauthorized",
                                  "forbidden",
                                  "upgrade_failed",
                                  "upgrade_timeout",
                                  "handshake_failed",
                                  "handshake_timeout",
                                  "connection_lost",
                                  "closed_by_server",
                                  "websocket_closed",
                                  "server_timeout",
                                  "send_failed",
                                  "send_timeout",
                                  "protocol_error",
                                  "invalid_json",
                                  "invalid_utf8",
                                  "nesting_too_deep",
                                  "too_many_values",
                                  "message_too_big",
                                  "not_acknowledged",
                                  "sequence_gap",
                                  "settings_changed",
                                  "not_active",
                                  "call_failed",
                                  "call_timeout",
                                  "call_cancelled",
                                  "result_mismatch",
                                  "arguments_mismatch",
                                  "stopped",
                                  "internal"};

}  // namespace

const boost::system::error_category& signalr_category() noexcept {
    static const ErrorCategory<errc::internal> category("signalr", kNames);
    return category;
}

std::string_view name_of(errc code) noexcept { return kNames[static_cast<std::size_t>(code) - 1]; }

}  // namespace jiro::signalr
