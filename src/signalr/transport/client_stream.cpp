// SPDX-License-Identifier: MIT
#include "signalr/transport/client_stream.hpp"

namespace jiro::signalr {

Task<Result<ClientStream>> open_stream(Clock& clock, const HttpRequest& request) {
    auto socket = co_await dial(clock, request);
    if (!socket) co_return socket.error();
    if (!request.url.is_tls()) co_return ClientStream(std::move(*socket));

    auto context = co_await make_tls_context(clock, request.tls, request.limits);
    if (!context) co_return context.error();
    ClientStream::TlsStream stream(std::move(*socket), **context);
    const auto secured = co_await tls_handshake(clock, stream, request);
    if (!secured) co_return secured.error();
    co_return ClientStream(std::move(stream), std::move(*context));
}

}  // namespace jiro::signalr
