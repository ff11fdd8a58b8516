// SPDX-License-Identifier: MIT
#include "jiro/http/client_stream.hpp"
#include "jiro/http/dialer.hpp"

namespace jiro::http {

Task<Result<ClientStream>> open_stream(Clock& clock, const Endpoint& endpoint) {
    auto socket = co_await dial(clock, endpoint);
    if (!socket) co_return socket.error();
    if (!endpoint.url.is_tls()) co_return ClientStream(std::move(*socket));

    auto context = co_await make_tls_context(clock, endpoint.tls, endpoint.limits);
    if (!context) co_return context.error();
    ClientStream::TlsStream stream(std::move(*socket), **context);
    const auto secured = co_await tls_handshake(clock, stream, endpoint);
    if (!secured) co_return secured.error();
    co_return ClientStream(std::move(stream), std::move(*context));
}

}  // namespace jiro::http
