// SPDX-License-Identifier: MIT
#include "signalr/transport/network_error.hpp"

#include "jiro/http/errors.hpp"

namespace jiro::signalr {

namespace {

errc name_for_hub(http::errc code, errc otherwise) {
    switch (code) {
        case http::errc::resolve_failed:
            return errc::resolve_failed;
        case http::errc::resolve_timeout:
            return errc::resolve_timeout;
        case http::errc::connect_failed:
            return errc::connect_failed;
        case http::errc::connect_timeout:
            return errc::connect_timeout;
        case http::errc::proxy_refused:
            return errc::proxy_refused;
        case http::errc::proxy_failed:
            return errc::proxy_failed;
        case http::errc::proxy_timeout:
            return errc::proxy_timeout;
        case http::errc::tls_settings_invalid:
            return errc::tls_settings_invalid;
        case http::errc::tls_failed:
            return errc::tls_failed;
        case http::errc::tls_timeout:
            return errc::tls_timeout;
        case http::errc::request_failed:
        case http::errc::answer_too_large:
            break;
    }
    return otherwise;
}

}  // namespace

http::Endpoint endpoint_of(const HttpRequest& request) {
    const auto& limits = request.limits;
    return {request.url, request.tls, request.proxy, {limits.resolve, limits.connect, limits.proxy, limits.tls}};
}

Error named_for_hub(Error error, errc otherwise) {
    if (error.code.category() != http::http_category()) return error;
    if (error.code == http::errc::proxy_refused) error.message += " (WebSocket.Proxy)";
    error.code = name_for_hub(static_cast<http::errc>(error.code.value()), otherwise);
    return error;
}

}  // namespace jiro::signalr
