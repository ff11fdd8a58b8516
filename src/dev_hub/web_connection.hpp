// SPDX-License-Identifier: MIT
#pragma once
// One connection of the development hub's: TLS, HTTP requests, then perhaps a WebSocket for the rest of its life.

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "dev_hub/web_socket.hpp"

namespace boost::asio::ssl {
class context;
}

namespace jiro::dev_hub {

// TCP or a Unix socket, so that everything above them exists once.
using AnySocket = boost::asio::generic::stream_protocol::socket;
using AnyEndpoint = boost::asio::generic::stream_protocol::endpoint;

// The TCP endpoint in a generic one; port 0 for a Unix socket's.
[[nodiscard]] boost::asio::ip::tcp::endpoint as_tcp(const AnyEndpoint& any);

// Until it ends. `tls`: null without it.
[[nodiscard]] Task<> serve_connection(AnySocket socket, boost::asio::ssl::context* tls, Clock& clock,
                                      WebHandler& handler);

}  // namespace jiro::dev_hub
