// SPDX-License-Identifier: MIT
#pragma once
// From a URL to a connected TCP socket: name resolution, every address in turn, and the proxy's CONNECT, each under its
// own limit and with its own named error.

#include <boost/asio/ip/tcp.hpp>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/http/settings.hpp"

namespace jiro::http {

// The socket speaks to endpoint.url's host, directly or through endpoint.proxy's tunnel; TCP_NODELAY is set.
[[nodiscard]] Task<Result<boost::asio::ip::tcp::socket>> dial(Clock& clock, const Endpoint& endpoint);

}  // namespace jiro::http
