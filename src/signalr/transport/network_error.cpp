// SPDX-License-Identifier: MIT
#include "signalr/transport/network_error.hpp"

#include "jiro/http/errors.hpp"

namespace jiro::signalr {

http::Endpoint endpoint_of(const HttpRequest& request) {
    return {request.url, request.tls, request.proxy, request.limits, request.reach};
}

Error named_for_hub(Error error, errc otherwise) {
    if (error.code == http::errc::proxy_refused) error.message += " (WebSocket.Proxy)";
    if (error.code == http::errc::request_failed || error.code == http::errc::answer_too_large) error.code = otherwise;
    return error;
}

}  // namespace jiro::signalr
