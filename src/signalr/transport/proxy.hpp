// SPDX-License-Identifier: MIT
#pragma once
// HTTP CONNECT through a proxy (RFC 9110, 9.3.6), with Basic credentials from the proxy's URL.

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/base/url.hpp"

namespace jiro::signalr {

// After success the socket speaks to `authority` (host:port). Errors: proxy_refused, proxy_failed.
[[nodiscard]] Task<Result<void>> open_tunnel(boost::asio::ip::tcp::socket& socket, Url proxy, std::string authority);

}  // namespace jiro::signalr
