// SPDX-License-Identifier: MIT
#pragma once
// The way to the hub is http's, and what fails on it; what fails on a connection that stood has the step's name.

#include "jiro/base/error.hpp"
#include "jiro/http/settings.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/transport/transport.hpp"

namespace jiro::signalr {

[[nodiscard]] http::Endpoint endpoint_of(const HttpRequest& request);

// `otherwise`: for a request that failed when the connection stood.
[[nodiscard]] Error named_for_hub(Error error, errc otherwise);

}  // namespace jiro::signalr
