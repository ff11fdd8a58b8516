// SPDX-License-Identifier: MIT
#include "jiro/signalr/errors.hpp"

#include <algorithm>

#include "jiro/base/error.hpp"

namespace jiro::signalr {

namespace {

std::string signalr_error_text(errc code) {
    std::string text(name_of(code));
    std::ranges::replace(text, '_', ' ');
    return text;
}

}  // namespace

const boost::system::error_category& signalr_category() noexcept {
    static const ErrorCategory<errc> category("signalr", signalr_error_text);
    return category;
}

std::string_view name_of(errc code) noexcept {
    switch (code) {
#define JIRO_NAME(name) \
    case errc::name:    \
        return #name;
        JIRO_NAME(not_configured)
        JIRO_NAME(credentials_failed)
        JIRO_NAME(resolve_failed)
        JIRO_NAME(resolve_timeout)
        JIRO_NAME(connect_failed)
        JIRO_NAME(connect_timeout)
        JIRO_NAME(proxy_refused)
        JIRO_NAME(proxy_failed)
        JIRO_NAME(proxy_timeout)
        JIRO_NAME(tls_settings_invalid)
        JIRO_NAME(tls_failed)
        JIRO_NAME(tls_timeout)
        JIRO_NAME(negotiate_failed)
        JIRO_NAME(negotiate_timeout)
        JIRO_NAME(negotiate_invalid)
        JIRO_NAME(negotiate_refused)
        JIRO_NAME(classic_signalr)
        JIRO_NAME(no_common_transport)
        JIRO_NAME(too_many_redirects)
        JIRO_NAME(redirect_refused)
        JIRO_NAME(unauthorized)
        JIRO_NAME(forbidden)
        JIRO_NAME(upgrade_failed)
        JIRO_NAME(upgrade_timeout)
        JIRO_NAME(handshake_failed)
        JIRO_NAME(handshake_timeout)
        JIRO_NAME(connection_lost)
        JIRO_NAME(closed_by_server)
        JIRO_NAME(websocket_closed)
        JIRO_NAME(server_timeout)
        JIRO_NAME(send_failed)
        JIRO_NAME(send_timeout)
        JIRO_NAME(protocol_error)
        JIRO_NAME(invalid_json)
        JIRO_NAME(invalid_utf8)
        JIRO_NAME(nesting_too_deep)
        JIRO_NAME(too_many_values)
        JIRO_NAME(message_too_big)
        JIRO_NAME(not_acknowledged)
        JIRO_NAME(sequence_gap)
        JIRO_NAME(settings_changed)
        JIRO_NAME(not_active)
        JIRO_NAME(call_failed)
        JIRO_NAME(call_timeout)
        JIRO_NAME(call_cancelled)
        JIRO_NAME(result_mismatch)
        JIRO_NAME(arguments_mismatch)
        JIRO_NAME(stopped)
        JIRO_NAME(internal)
#undef JIRO_NAME
    }
    return "unknown";
}

}  // namespace jiro::signalr
