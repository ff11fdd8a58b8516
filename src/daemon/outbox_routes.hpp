// SPDX-License-Identifier: MIT
#pragma once
// What an operator does to the outbox, as routes: GET /outbox, GET /outbox/show, POST /outbox/retry, POST /outbox/drop,
// their arguments in the query (percent-encoded), their answers JSON. The daemon serves them on its Unix sockets;
// `jiro-client outbox` calls the same functions in place when no daemon runs. Event loop only.

#include <functional>

#include "jiro/delivery/outbox.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// `changed` is called when rows became due. The routes refer to the outbox, which must outlive them.
[[nodiscard]] monitor::Routes outbox_routes(delivery::Outbox& outbox, std::function<void()> changed);

}  // namespace jiro::daemon
