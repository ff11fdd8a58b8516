// SPDX-License-Identifier: MIT
#pragma once
// One HTTP/1.1 POST with an empty body over a new connection: negotiate. The answer's size is limited.

#include "signalr/transport/transport.hpp"

namespace jiro::signalr {

[[nodiscard]] Task<Result<HttpResponse>> http_post(Clock& clock, HttpRequest request);

}  // namespace jiro::signalr
